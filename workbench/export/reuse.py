"""What is said of reused prefixes, speculation, offloading and crossovers, as cells for a page or a terminal."""

from workbench.export.judged import Told
from workbench.results import Crossover, Offload, PrefixReuse, Speculation, SpeculationRun
from workbench.words import text
from workbench.words.format import count, interval, measured, number, printable, ratio, seconds, share, size


def prefix(found: PrefixReuse) -> Told:
    """A line for each prefix; the verdicts, and whether the answers stay, under it."""
    names = ("reused", "computed", "cache", "cold", "cached", "ratio", "proportion", "pays")
    rows = tuple(
        (
            count(point.tokens),
            count(point.reused),
            number(point.computed),
            size(point.cache_bytes),
            seconds(point.cold_s),
            seconds(point.cached_s),
            f"{ratio(point.ratio)} {interval(point.ci95)}",
            ratio(point.proportion),
            text("prefix.never_pays") if point.pays_from is None else text("prefix.pays", prompts=point.pays_from),
        )
        for point in found.points
    )
    said = [str(each) for point in found.points for each in (point.verdict, point.agreement)]
    return Told(tuple(text(f"prefix.head.{name}") for name in names), rows, (*said, *map(str, found.flags)))


def speculation(found: Speculation) -> Told:
    """A line for each mode and task; the verdicts, and what was left out, under it."""
    names = ("decode", "e2e", "acceptance", "kept", "passes", "tokens")
    rows = tuple(
        (
            f"{run.name}, {printable(run.task, 40)}",
            *(
                f"{ratio(run.comparison.ratio[metric])} {interval(run.comparison.ci95.get(metric))}"
                for metric in ("decode_tps", "e2e_s")
            ),
            share(run.drafts.acceptance) if run.drafts.drafted else text("speculation.nothing_drafted"),
            number(run.drafts.kept_per_step) if run.drafts.drafting_steps else "–",
            text("speculation.passes", passes=run.drafts.passes, tokens=run.new_tokens),
            _tokens(run),
        )
        for run in found.runs
    )
    said = [str(each) for run in found.runs for each in (run.verdict, *_loaded(run))]
    return Told(
        tuple(text(f"speculation.head.{name}") for name in names),
        rows,
        (*said, *map(str, found.left_out), *map(str, found.flags)),
    )


def offload(found: Offload) -> Told:
    """A line for each number of layers away."""
    heading = (
        *(text(f"offload.head.{name}") for name in ("decode", "prefill", "ratio")),
        text("offload.head.device", device=found.device),
        *(text(f"offload.head.{name}") for name in ("away", "each")),
    )
    rows = tuple(
        (
            str(point.layers),
            *(measured(point.mean[name], point.ci95.get(name), "tok/s") for name in ("decode_tps", "prefill_tps")),
            f"{ratio(point.ratio['decode_tps'])} {interval(point.ratio_ci95['decode_tps'])}" if point.ratio else "–",
            size(point.device_bytes),
            size(point.away_bytes) if point.away_bytes else "–",
            seconds(point.layer_s) if point.layer_s is not None else "–",
        )
        for point in found.points
    )
    said = [str(point.verdict) for point in found.points if point.verdict is not None]
    return Told(heading, rows, (*said, *map(str, found.flags)))


def _tokens(run: SpeculationRun) -> str:
    """Whether the greedy answer is the same."""
    parted = run.comparison.agreement.first_divergence if run.comparison.agreement else None
    if parted is None:
        return text("speculation.same_tokens", tokens=run.new_tokens)
    margin = number(parted.margin, 2)
    return text("speculation.parts", index=parted.index + 1, tokens=run.new_tokens, margin=margin)


def _loaded(run: SpeculationRun) -> list[str]:
    if run.load_s is None:
        return []
    told = {"name": run.comparison.resolved_b.assistant, "size": size(run.assistant_bytes)}
    return [text("speculation.loaded", **told, seconds=seconds(run.load_s))]


def crossover(found: Crossover) -> Told:
    """A line for each length; who is ahead where, under it."""
    a, b = (printable(name, 40) for name in found.names)
    heading = (
        text("crossover.head.ttft", name=a),
        text("crossover.head.ttft", name=b),
        text("crossover.head.ratio", a=a, b=b),
        text("crossover.head.decode", a=a, b=b),
    )
    rows = tuple(
        (
            str(point.prompt_tokens),
            seconds(point.mean_a["ttft_s"]),
            seconds(point.mean_b["ttft_s"]),
            *(f"{ratio(point.ratio[name])} {interval(point.ci95.get(name))}" for name in ("ttft_s", "decode_tps")),
        )
        for point in found.points
    )
    return Told(heading, rows, (*map(str, found.sentence.values()), *map(str, found.flags)))
