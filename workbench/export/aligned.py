"""The report on begin, end and pad tokens as plain cells of text, for a notebook's table, the panel and the command."""

from workbench.export.judged import Told
from workbench.results import (
    SOURCES,
    EndEffect,
    KnobEffect,
    Token,
    TokenCheck,
    TokenFacts,
    TokenFinding,
    TokenReport,
    TokenRow,
)
from workbench.words import text
from workbench.words.format import knob_value, printable

_SHOWN = 60  # characters of a token's text


def tokens(found: TokenReport) -> Told:
    """A line for each role and a column for each source; under it what was tried, what was found, and the repair."""
    facts = found.facts
    heading = tuple(text(f"tokens.source.{source}") for source in SOURCES)
    lines = [_row(row) for row in facts.rows]
    sides = tuple(facts.padding_side.get(source, "") for source in SOURCES)
    lines.append((text("tokens.row.side"), *sides))
    for name, said in (("sampling", _pairs(facts.sampling)), ("stops", ", ".join(map(repr, facts.stop_strings)))):
        if said:
            cells = (printable(said) if source == "generation_config" else "" for source in SOURCES)
            lines.append((text(f"tokens.row.{name}"), *cells))
    remarks = [str(found.sentence), *map(check_words, facts.checks), *map(finding_words, found.findings)]
    remarks += effects_words(facts)
    remarks += [repair_words(found), *map(str, found.flags)]
    return Told(heading, tuple(lines), tuple(remarks))


def check_words(check: TokenCheck) -> str:
    return text("tokens.checked", outcome=text(f"tokens.outcome.{check.outcome}"), sentence=check.sentence)


def finding_words(finding: TokenFinding) -> str:
    """The finding, what to do, and the knob that does it."""
    said = {"severity": text(f"tokens.severity.{finding.severity}"), "said": finding.said}
    if finding.remedy is None:
        return text("tokens.line", **said)
    if not finding.change:
        return text("tokens.line_remedy", remedy=finding.remedy, **said)
    return text("tokens.line_change", remedy=finding.remedy, change=_pairs(finding.change), **said)


def effects_words(facts: TokenFacts) -> list[str]:
    """A line for each value of the knobs that the rows and their ends depend on."""
    said = [
        text(
            "tokens.effect",
            knob=each.knob,
            value=knob_value(each.value),
            now=_now(each),
            same=each.same,
            rows=each.rows,
        )
        for each in facts.effects
    ]
    return said + [
        text("tokens.effect_ends", value=knob_value(each.ids), now=_now(each), ended=each.ended, rows=each.rows)
        for check in facts.checks
        for each in check.ends
    ]


def _now(effect: KnobEffect | EndEffect) -> str:
    return text("tokens.effect_now") if effect.in_force else ""


def repair_words(found: TokenReport) -> str:
    """What was repaired before this report, what Repair would set now."""
    done = [text("tokens.repaired", changes=_changes(found))] if found.repaired else []
    if found.repair:
        return " · ".join([*done, text("tokens.repair", changes=_pairs(found.repair))])
    return " · ".join([*done, text("tokens.repair_none")])


def _changes(found: TokenReport) -> str:
    return ", ".join(f"{knob} {knob_value(old)} → {knob_value(new)}" for knob, (old, new) in found.repaired.items())


def _pairs(values: dict[str, object]) -> str:
    return ", ".join(f"{name}={knob_value(value)}" for name, value in values.items())


def _row(row: TokenRow) -> tuple[str, ...]:
    cells = (_cell(row.stated[source]) if source in row.stated else "–" for source in SOURCES)
    return (text(f"tokens.role.{row.role}"), *cells)


def _cell(stated: tuple[Token, ...]) -> str:
    if not stated:
        return text("tokens.unset")
    return "; ".join(
        text("tokens.cell", id=token.id, what=text(f"tokens.means.{token.means}", text=(token.text or "")[:_SHOWN]))
        for token in stated
    )
