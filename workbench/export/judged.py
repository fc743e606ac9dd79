"""Quality, bytes and sensitivity as plain cells of text, for a notebook's table and for the command line."""

from typing import NamedTuple

from workbench.decisions import Candidate, Decision
from workbench.results import ROLES, AnswerFlips, Census, Degeneration, QualityDiff, Sensitivity, Statistics
from workbench.results.census import role_words
from workbench.results.quality import domain_words
from workbench.words import text
from workbench.words.format import count, interval, measured, number, printable, ratio, share, size

MOST_GROUPS = 20


class Told(NamedTuple):
    """`heading` names the columns after the first; `remarks` are sentences under the table."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...]


def quality(found: QualityDiff) -> Told:
    """A line for each domain, all text, the decode path and the floor; the verdict and what answers show under it."""
    heading = tuple(text(f"tables.quality.{name}") for name in ("kld", "worst", "same_top", "ppl", "positions"))
    worst_first = sorted(found.by_domain.items(), key=lambda item: -item[1].kld.mean)
    lines = [(domain_words(name), *_statistics(each)) for name, each in worst_first]
    lines.append((text("tables.quality.all"), *_statistics(found.overall)))
    if found.decode_path is not None:
        lines.append((text("tables.quality.decode"), *_statistics(found.decode_path)))
    floor = found.noise_floor
    way = max(floor.by, key=lambda name: floor.by[name], default="")
    lines.append((text("tables.quality.floor", way=way), number(floor.reach), "", share(floor.same_top), "", ""))
    remarks = [str(found.verdict), *_behaviour(found)]
    if found.calibrated_by is not None:
        remarks.append(text("tables.quality.calibrated", text=printable(found.calibrated_by, 120)))
    return Told(heading, tuple(lines), (*remarks, *map(str, found.flags)))


def census(found: Census) -> Told:
    """A line for each part and format; what was left in full, and why, under it."""
    heading = tuple(text(f"tables.census.{name}") for name in ("format", "weights", "bytes", "state", "bits"))
    shares = sorted(found.now, key=lambda each: (ROLES.index(each.role), -each.bytes))
    lines = [
        (
            role_words(each.role),
            each.format,
            count(each.values),
            size(each.bytes),
            size(each.state_bytes) if each.state_bytes else "–",
            number(8 * each.bytes / each.values) if each.values else "–",
        )
        for each in shares
    ]
    left = [
        text(
            "tables.census.left",
            format=each.format,
            count=each.count,
            role=role_words(each.role),
            asked=found.asked,
            why=each.why,
            names=printable(", ".join(each.names), 160),
        )
        for each in found.left
    ]
    return Told(heading, tuple(lines), (str(found.sentence), *left))


def sensitivity(found: Sensitivity) -> Told:
    """A line for each group of modules, the suggestion first in words."""
    heading = tuple(text(f"tables.sensitivity.{name}") for name in ("error", "kld", "more"))
    lines = tuple(
        (printable(each.label, 60), share(each.error), number(each.kld_without), f"+{size(each.more_bytes)}")
        for each in found.groups[:MOST_GROUPS]
    )
    return Told(heading, lines, (str(found.sentence), *map(str, found.flags)))


def decision(found: Decision) -> Told:
    """A line for each configuration, best KLD first: what it costs and what it gives."""
    heading = tuple(text(f"tables.decision.{name}") for name in ("kld", "decode", "weights", "memory"))
    reference = found.reference
    lines = tuple(
        (
            printable(each.label, 80),
            _loss(each),
            measured(each.decode_tps, each.decode_ci95, "tok/s"),
            size(each.weight_bytes),
            _times(each, reference),
        )
        for each in found.candidates
    )
    remarks = [
        " · ".join(map(str, filter(None, (each.verdict, each.speed)))) for each in found.candidates if each.verdict
    ]
    remarks += [text("tables.decision.remark_floor", kld=number(found.floor))] if found.candidates else []
    if found.small:
        remarks.append(text("chart.decision.small", model=printable(found.model, 60)))
    return Told(heading, lines, (*remarks, *map(str, found.remarks)))


def _loss(candidate: Candidate) -> str:
    if candidate.reference:
        return text("tables.decision.reference")
    kld = f"{number(candidate.kld)} {interval(candidate.kld_ci95)}"
    return text("tables.decision.along", kld=kld) if candidate.along else kld


def _times(candidate: Candidate, reference: Candidate | None) -> str:
    return ratio(candidate.weight_bytes / reference.weight_bytes if reference and reference.weight_bytes else None)


def _statistics(each: Statistics) -> tuple[str, ...]:
    perplexity = each.perplexity
    return (
        f"{number(each.kld.mean)} {interval(each.kld.mean_ci95)}",
        number(each.kld.percentiles["99"]) if "99" in each.kld.percentiles else "–",  # too few positions
        f"{share(each.same_top)} {_percent(each.same_top_ci95)}",
        f"{ratio(perplexity.ratio)} {interval(perplexity.ratio_ci95)}" if perplexity else "–",
        str(each.positions),
    )


def _behaviour(found: QualityDiff) -> list[str]:
    """What the answers show beyond the numbers, each in a sentence."""
    said = []
    first = found.first_divergence
    if first is not None and first.parts_at is not None:
        prompt = printable(first.prompt, 60)
        said.append(text("tables.quality.divergence", token=first.parts_at + 1, prompt=prompt))
    elif found.answers:
        said.append(text("tables.quality.no_divergence", count=len(found.answers)))
    if found.choices is not None:
        said.append(_flips(found.choices))
    if found.degeneration is not None:
        said.append(_loops(found.degeneration))
    if found.routing is not None:
        said.append(text("tables.quality.routing", share=share(found.routing)))
    return said


def _flips(found: AnswerFlips) -> str:
    before, after = (share(each) for each in found.accuracy)
    low, high = (share(each) for each in found.flip_share_ci95)
    return text(
        "tables.quality.flips", flips=found.flips, items=found.items, low=low, high=high, before=before, after=after
    )


def _loops(found: Degeneration) -> str:
    pairs = {
        "": found.looping,
        "ended_": found.ended,
        "repeat_": found.repeat_4gram,
        "unbalanced_": found.unbalanced,
    }
    sides = {f"{name}before": share(before) for name, (before, _) in pairs.items()}
    return text("tables.quality.loops", **sides, **{f"{name}after": share(after) for name, (_, after) in pairs.items()})


def _percent(bounds: tuple[float, float]) -> str:
    return interval((100 * bounds[0], 100 * bounds[1]))
