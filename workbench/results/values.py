"""What each value of a knob can do on a machine, as data and as a table."""

from workbench.results.base import Result
from workbench.results.machine_report import STYLE, aligned, table
from workbench.words import Message, text
from workbench.words.format import THIN


class ValueVerdict(Result):
    """One value of one knob: usable or not, why, the way out, and what it costs where it is usable."""

    knob: str
    value: str
    usable: bool
    reason: Message | None = None
    remedy: Message | None = None
    note: Message | None = None

    @property
    def why(self) -> str:
        return " → ".join(str(part) for part in (self.reason, self.remedy, self.note) if part)


class Values(Result):
    """Verdicts on every value, for this machine; with a model's name where its class and sizes were asked too."""

    model: str | None = None
    verdicts: tuple[ValueVerdict, ...]

    def only(self, *knobs: str, usable: bool | None = None) -> "Values":
        """Those of these knobs (default: all), and of these those that are usable here, or that are not.

        KeyError for a knob that has no verdict here.
        """
        if unknown := set(knobs) - {verdict.knob for verdict in self.verdicts}:
            raise KeyError(", ".join(sorted(unknown)))
        kept = (
            verdict
            for verdict in self.verdicts
            if (not knobs or verdict.knob in knobs) and usable in (None, verdict.usable)
        )
        return self.model_copy(update={"verdicts": tuple(kept)})

    def rows(self) -> list[tuple[str, str, str, str]]:
        """(knob, values, usable, why) in words; neighbouring values with the same verdict share a row."""
        found: list[tuple[str, str, str, str]] = []
        for verdict in self.verdicts:
            usable = text("machine.value.yes" if verdict.usable else "machine.value.no")
            last = found[-1] if found else ("", "", "", "")
            if (last[0], *last[2:]) == (verdict.knob, usable, verdict.why):
                found[-1] = (last[0], f"{last[1]}, {verdict.value}", *last[2:])
            else:
                found.append((verdict.knob, verdict.value, usable, verdict.why))
        return found

    def __str__(self) -> str:
        lines = aligned([((knob, usable), (values, why)) for knob, values, usable, why in self.rows()])
        return "\n".join([self._title(), *lines]).replace(THIN, " ")

    def _repr_html_(self) -> str:
        marks = [usable == text("machine.value.no") for _, _, usable, _ in self.rows()]
        head = ("knob", "values", "usable", "why")
        return f'<div class="wb-machine">{STYLE}{table(head, self.rows(), marks, "wb-unusable")}</div>'

    def _title(self) -> str:
        return text("machine.values.title") if self.model is None else text("machine.values.of", model=self.model)
