"""The panel's lines about work: what waits and what it would cost, how far it is, how it ended. Pure, not escaped."""

from collections.abc import Mapping
from typing import Any

from workbench.config import Config
from workbench.knobs import Cost, cost_of
from workbench.results import (
    Applied,
    Census,
    Comparison,
    Energy,
    Forecast,
    LatencyRun,
    Measurement,
    QualityDiff,
    Scan,
    Sensitivity,
    Sweep,
    TokenReport,
    Trace,
    Verification,
)
from workbench.results.advice import Advice, Cure
from workbench.words import text
from workbench.words.format import knob_value, printable, seconds, size

SEPARATOR = " · "


def sides(pair: tuple[Config, Config] | None) -> str | None:
    """What [Compare] would set against each other."""
    if pair is None:
        return None
    changed = ", ".join(
        f"{name} {knob_value(old)}→{knob_value(new)}" for name, (old, new) in pair[0].diff(pair[1]).items()
    )
    return text("panel.compare.sides", changes=printable(changed, 160))


def pending(
    changed: Mapping[str, tuple[Any, Any]], forecast: Forecast | None, seconds_by_cost: Mapping[str, float]
) -> list[str]:
    """What Apply would change, what it costs, how many bytes it needs and whether they are there."""
    if not changed:
        return [text("panel.pending.none")]
    cost = cost_of(changed)
    phrases = [f"{name} {knob_value(old)}→{knob_value(new)}" for name, (old, new) in changed.items()]
    if cost is Cost.LIVE:
        phrases.append(text("panel.pending.live"))
    elif cost in seconds_by_cost:
        phrases.append(
            text("panel.pending.takes", cost=text(f"panel.cost.{cost}"), seconds=seconds(seconds_by_cost[cost]))
        )
    else:
        phrases.append(text("panel.pending.takes_unknown", cost=text(f"panel.cost.{cost}")))
    if forecast is not None:
        phrases.append(
            text(
                "panel.pending.bytes",
                weights=size(forecast.weights),
                kv_cache=size(forecast.kv_cache),
                workspace=size(forecast.workspace),
            )
        )
        phrases.append(str(forecast.verdict))
    return phrases


def applied(result: Applied) -> str:
    if result.cost == Cost.LIVE:
        return text("panel.applied_live", seconds=seconds(result.seconds))
    phrases = [
        text(
            "panel.applied",
            cost=text(f"panel.cost.{result.cost}"),
            seconds=seconds(result.seconds),
            before=size(result.memory_before),
            after=size(result.memory_after),
        )
    ]
    if result.residue_bytes is not None:
        phrases.append(text("panel.applied_residue", residue=size(result.residue_bytes)))
    return SEPARATOR.join(phrases)


def outcome(kind: str, value: Any) -> str:
    """How the work ended, in one sentence."""
    if isinstance(value, Measurement):
        return text("panel.measured", n=value.repeats, stopped_by=text(f"panel.stopped_by.{value.stopped_by}"))
    if isinstance(value, Comparison):
        return text("panel.compared", n=value.pairs, stopped_by=text(f"panel.stopped_by.{value.stopped_by}"))
    if isinstance(value, Trace):
        return text("panel.traced", seconds=seconds(value.seconds))
    if isinstance(value, Scan):
        return text("panel.scanned", n=len(value.values), seconds=seconds(value.seconds))
    if isinstance(value, QualityDiff):
        return _judged(value)
    if isinstance(value, Sensitivity):
        return text("panel.ranked", n=len(value.groups), seconds=seconds(value.seconds))
    if isinstance(value, TokenReport):
        return text("panel.tokens_checked", seconds=seconds(value.facts.seconds))
    if isinstance(value, Census):
        return text("panel.counted", size=size(value.bytes))
    if isinstance(value, Energy):
        return text("panel.energy_measured", windows=len(value.windows))
    if isinstance(value, LatencyRun):
        return text("panel.latency_watched", requests=value.requests, seconds=seconds(value.seconds))
    if isinstance(value, Advice):
        return text("panel.advised", findings=len(value.findings), seconds=seconds(value.seconds))
    if isinstance(value, Cure):
        return str(value.sentence)
    if isinstance(value, Sweep):
        return text("sweep.panel.ended", verdict=str(value.verdict))
    if isinstance(value, Verification):
        return text("panel.verified" if value.ok else "panel.not_verified")
    if kind == "report":
        return text("panel.reported", files=", ".join(map(str, value)))
    return text("panel.generated" if kind == "completions" else "panel.done")


def _judged(found: QualityDiff) -> str:
    if not found.reference_seconds:
        return text("panel.judged", seconds=seconds(found.seconds))
    return text(
        "panel.judged_first", seconds=seconds(found.seconds), reference_seconds=seconds(found.reference_seconds)
    )
