"""Effects of decoding settings, saved time, and windows, as cells for a page or a terminal."""

from workbench.export.judged import Told
from workbench.results import DecodingEffects, Effect, Reading, SettingEffects, Stopping, Windows
from workbench.results.decoding import METRICS, setting_words, verdict_words
from workbench.words import text
from workbench.words.format import count, interval, number, printable, ratio, seconds, share, size


def effects(found: DecodingEffects) -> Told:
    """A line for each setting; what differs from the first, and what is to be known of a setting, under it."""
    names = [text(f"decoding.metric.{name}") for name in METRICS]
    heading = (*names, text("decoding.head.same_seed"), text("decoding.head.other_seeds"))
    rows = tuple(
        (
            setting_words(each),
            *(_effect(each.metrics.get(metric), is_share) for metric, is_share in METRICS.items()),
            text("decoding.repeats", same=each.repeated[0], answers=each.repeated[1]),
            _over_seeds(each),
        )
        for each in found.settings
    )
    said = [str(found.sentence)]
    for each in found.settings:
        told = [*map(verdict_words, each.verdicts), *map(str, each.notes)]
        said += [text("decoding.setting_said", setting=setting_words(each), said="; ".join(told))] if told else []
    repeat = max(each.repeat_tokens for each in found.settings)
    under = text(
        "decoding.under",
        prompts=found.prompts,
        set=found.prompt_set,
        seeds=found.seeds,
        tokens=found.max_new_tokens,
        repeat=repeat,
    )
    return Told(heading, rows, (*said, under, *map(str, found.flags)))


def stopping(found: Stopping) -> Told:
    """A line for each prompt, the verdict under it."""
    heading = tuple(text(f"stopping.head.{name}") for name in ("whole", "stopped", "ratio", "cut"))
    rows = tuple(
        (
            printable(each.prompt, 50),
            text("stopping.cell", tokens=each.whole_tokens, seconds=seconds(each.whole_s)),
            text("stopping.cell", tokens=each.stopped_tokens, seconds=seconds(each.stopped_s)),
            ratio(each.stopped_s / each.whole_s),
            ratio(1 + each.cut_s / each.whole_s),
        )
        for each in found.answers
    )
    under = text("stopping.under", rounds=found.rounds, after=found.after)
    return Told(heading, rows, (str(found.verdict), under, *map(str, found.flags)))


def windows(found: Windows) -> Told:
    """A line for each way, the verdict under it."""
    heading = tuple(text(f"windows.head.{name}") for name in ("passes", "tokens", "time", "peak", "nll", "last"))
    named = text("windows.way.windows", size=found.size, overlap=found.overlap)
    ways = [(named, found.windows)]
    if found.one_pass is not None:
        ways.insert(0, (text("windows.way.one_pass"), found.one_pass))
    under = text("windows.under", tokens=found.tokens, last=found.last_tokens, rounds=found.rounds)
    return Told(
        heading,
        tuple((name, *_reading(way)) for name, way in ways),
        (str(found.verdict), under, *map(str, found.flags)),
    )


def _reading(way: Reading) -> tuple[str, ...]:
    return (
        count(way.passes),
        count(way.tokens),
        f"{seconds(way.seconds)} {interval(way.seconds_ci95)}",
        size(way.peak_bytes),
        f"{number(way.nll)} {interval(way.nll_ci95)}",
        f"{number(way.last_nll)} {interval(way.last_nll_ci95)}",
    )


def _effect(effect: Effect | None, is_share: bool) -> str:
    if effect is None:
        return text("format.not_measured")
    if not is_share:
        return f"{number(effect.value)} {interval(effect.ci95)}"
    return f"{share(effect.value)} {interval((100 * effect.ci95[0], 100 * effect.ci95[1]))}"


def _over_seeds(each: SettingEffects) -> str:
    if each.same_over_seeds is None:
        return text("decoding.nothing_drawn")
    if each.part_at is None:
        return text("decoding.all_same")
    return text("decoding.over_seeds", same=share(each.same_over_seeds), at=number(each.part_at))
