"""NVIDIA's management library, asked without ever raising: each answer is a value, or the reason why there is none."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from workbench.words import Message, say

NOT_SUPPORTED = "not_supported"
NO_PERMISSION = "no_permission"
OLD_DRIVER = "old_driver"
LOST = "lost"

# NVML's return codes (nvml.h, nvmlReturn_t) by what they mean here; any other is told in NVML's own words
_REASONS = {
    "NVML_ERROR_NOT_SUPPORTED": NOT_SUPPORTED,
    "NVML_ERROR_NO_PERMISSION": NO_PERMISSION,
    "NVML_ERROR_FUNCTION_NOT_FOUND": OLD_DRIVER,
    "NVML_ERROR_ARGUMENT_VERSION_MISMATCH": OLD_DRIVER,  # a structure that is newer than the driver
    "NVML_ERROR_GPU_IS_LOST": LOST,  # fell off the bus, or is otherwise out of reach
    "NVML_ERROR_RESET_REQUIRED": LOST,
    "NVML_ERROR_UNINITIALIZED": LOST,  # NVML was shut down under us
    "NVML_ERROR_DRIVER_NOT_LOADED": LOST,
}
# reasons that stay as long as the driver does: asking again at every look would only cost time
SETTLED = frozenset({NOT_SUPPORTED, OLD_DRIVER})


class Answer(NamedTuple):
    """`missing`: why `value` is None: not_supported, no_permission, old_driver, lost, or NVML's own words."""

    value: Any = None
    missing: str | None = None


@dataclass(frozen=True)
class Device:
    """A GPU as NVML numbers them. `handle` None: it is there and cannot be reached; `missing` says why."""

    index: int
    handle: Any = None
    missing: str | None = None


class Nvml:
    """NVML while it is open. `problem` says why there is none; then `devices` is empty.

    Use as a context manager. `ask("nvmlDeviceGetName", handle)` calls the function of that name in pynvml and gives its
    value or None; `query` gives the reason too.
    """

    def __init__(self) -> None:
        self.problem: Message | None = None
        self.devices: tuple[Device, ...] = ()
        self._pynvml: Any = None
        self._reasons: dict[int, str] = {}

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Starts NVML and finds the GPUs; `problem` says why it did not."""
        try:
            import pynvml
        except ImportError as error:
            self.problem = say("machine.gpu.no_pynvml", problem=str(error))
            return
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            self.problem = _why_not(pynvml, error)
            return
        self.problem = None
        self._pynvml = pynvml
        self._reasons = {getattr(pynvml, name): reason for name, reason in _REASONS.items()}
        answers = (
            self.query("nvmlDeviceGetHandleByIndex", index) for index in range(self.ask("nvmlDeviceGetCount") or 0)
        )
        self.devices = tuple(Device(index, *answer) for index, answer in enumerate(answers))

    def close(self) -> None:
        if self._pynvml is not None:
            self.ask("nvmlShutdown")
            self._pynvml = None
            self.devices = ()

    @property
    def handles(self) -> list[Any]:
        """Of the GPUs that can be reached."""
        return [device.handle for device in self.devices if device.handle is not None]

    def query(self, name: str, *arguments: Any) -> Answer:
        """The function's answer. One that this pynvml or driver does not have: old_driver."""
        if self._pynvml is None:
            return Answer(missing=LOST)
        function = getattr(self._pynvml, name, None)
        if function is None:
            return Answer(missing=OLD_DRIVER)
        try:
            return Answer(function(*arguments))
        except self._pynvml.NVMLError as error:
            return Answer(missing=self.reason(error.value))
        except UnicodeDecodeError as error:
            return Answer(missing=str(error))

    def ask(self, name: str, *arguments: Any) -> Any:
        """The function's value; None where there is none, for whatever reason."""
        return self.query(name, *arguments).value

    def reason(self, code: int) -> str:
        """Why a call that returned `code` gave nothing."""
        return self._reasons.get(code) or str(self._pynvml.NVMLError(code))

    def constant(self, name: str) -> int | None:
        return getattr(self._pynvml, name, None)

    def make(self, name: str) -> Any:
        """A new structure of that name; None where this pynvml does not declare it."""
        kind = getattr(self._pynvml, name, None)
        return None if kind is None else kind()


def _why_not(pynvml: Any, error: Any) -> Message:
    """Which of NVML's refusals this is, as a message with its way out."""
    if error.value in (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED):
        return say("machine.gpu.no_driver")
    if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return say("machine.gpu.driver_half_updated")
    return say("machine.gpu.nvml_error", problem=str(error))
