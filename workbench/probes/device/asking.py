"""Questions to one device at one look: values by field, and for each field without one, why."""

from typing import Any

from workbench.machine.nvml import LOST, SETTLED, Answer, Nvml


class Lost(Exception):
    """The device cannot be reached any more; there is nothing else to ask it."""


class Asking:
    """`ask(field, (function, *arguments), …)`: the first of the functions that this driver and GPU know answers.

    refused  what is settled between looks: (function, its arguments after the device) -> why it is not asked again
    """

    def __init__(self, nvml: Nvml, refused: dict[tuple[Any, ...], str]) -> None:
        self._nvml = nvml
        self._refused = refused
        self.missing: dict[str, str] = {}

    def ask(self, field: str, *ways: tuple[Any, ...]) -> Any:
        """Its value; None, and the reason in `missing`, where none answers. Lost when the device is gone."""
        found = self.answer(*ways)
        if found.missing is not None:
            self.missing[field] = found.missing
        return found.value

    def answer(self, *ways: tuple[Any, ...]) -> Answer:
        """The same without a field. The reason is the first way's, which is the newest driver's."""
        first: str | None = None
        for name, device, *more in ways:
            key = (name, *more)
            missing = self._refused.get(key)
            if missing is None:
                found = self._nvml.query(name, device, *more)
                missing = found.missing
                if missing is None:
                    return found
                if missing == LOST:
                    raise Lost
                if missing not in SETTLED:  # it may answer next time, and says more than an older function would
                    return found
                self._refused[key] = missing
            first = first if first is not None and first != "old_driver" else missing
        return Answer(missing=first)
