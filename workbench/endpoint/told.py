"""A server's numbers as plain cells of text, for a notebook's table and for the command line."""

from workbench.results import Endpoint, EndpointAnswer, EndpointLatency, EndpointLevel
from workbench.words import text
from workbench.words.format import interval, number, printable, quantity, seconds

Told = tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[str, ...]]
_MOST_ANSWERS = 3


def told(found: Endpoint) -> Told:
    """(names of the columns after the first, a line for each level, sentences under it)."""
    names = ["answers", "ttft", "tpot", "itl", "e2e", "output"]
    names += ["good"] if any(level.good is not None for level in found.levels) else []
    heading = tuple(text(f"tables.endpoint.{name}") for name in names)
    lines = tuple((label(level), *_cells(level)[: len(names)]) for level in found.levels)
    return heading, lines, tuple(remarks(found))


def label(level: EndpointLevel) -> str:
    """What load it was."""
    if level.rate is not None:
        return text("tables.endpoint.rate", rate=number(level.rate))
    return text("tables.endpoint.concurrency", concurrency=level.concurrency)


def remarks(found: Endpoint) -> list[str]:
    """What the tokens and the answers show, errors, the target, the bench's own numbers, and what to know of it all."""
    software = printable(found.software or "", 40) or text("tables.endpoint.unnamed")
    said = [text("tables.endpoint.server", served=printable(found.served, 80) or "–", software=software)]
    said += [str(part.verdict) for part in (found.tokens, found.greedy) if part is not None]
    if found.tokens is None:
        said.append(text("tables.endpoint.no_bench"))
    if found.greedy is not None:
        said += [_parting(each) for each in found.greedy.answers if not each.same][:_MOST_ANSWERS]
    for level in found.levels:
        if level.errors or level.cut:
            errors = ", ".join(f"{count} × {printable(kind, 40)}" for kind, count in level.errors.items())
            cut = text("tables.endpoint.cut", count=level.cut) if level.cut else ""
            said.append(
                text("tables.endpoint.errors", level=label(level), errors=" · ".join(filter(None, (errors, cut))))
            )
    if asked := {name: value for name, value in found.target.to_dict().items() if value is not None}:
        limits = ", ".join(f"{name.removesuffix('_s').upper()} ≤ {seconds(value)}" for name, value in asked.items())
        said.append(text("tables.endpoint.target", limits=limits))
    if found.bench:
        said.append(
            text(
                "tables.endpoint.bench",
                ttft=seconds(found.bench["ttft_s"]),
                tpot=seconds(found.bench["tpot_s"]),
                decode=quantity(found.bench["decode_tps"], "tok/s"),
            )
        )
    if found.warm_up_s:
        rest = len(found.warm_up_s) - 1
        said.append(text("tables.endpoint.warm_up", first=seconds(found.warm_up_s[0]), rest=rest))
    said += [text("tables.endpoint.stopped")] if found.stopped else []
    return said + [str(flag) for flag in found.flags]


def _cells(level: EndpointLevel) -> tuple[str, ...]:
    good = f"{quantity(level.goodput_rps, '/s')} {interval(level.goodput_ci95)}"
    return (
        f"{level.ok} / {level.requests}",
        latency(level.ttft),
        latency(level.tpot),
        latency(level.itl),
        latency(level.e2e),
        quantity(level.output_tps, "tok/s"),
        good if level.good is None else f"{level.good} / {level.ok}: {good}",
    )


def latency(found: EndpointLatency | None) -> str:
    """p50, p95, p99 as far as there are samples enough, with n."""
    if found is None:
        return text("format.not_measured")
    shown = [f"{name} {seconds(value)}" for name, value in _percentiles(found) if value is not None]
    return " · ".join([*(shown or [text("tables.endpoint.mean", mean=seconds(found.mean))]), f"n {found.n}"])


def _percentiles(found: EndpointLatency) -> tuple[tuple[str, float | None], ...]:
    return ("p50", found.p50), ("p95", found.p95), ("p99", found.p99)


def _parting(each: EndpointAnswer) -> str:
    return text(
        f"tables.endpoint.parts_{each.tie}".replace(" ", "_"),
        prompt=printable(each.prompt.replace("\n", " "), 40),
        token=(each.parts_at or 0) + 1,
        bench=printable(each.bench_text.replace("\n", "⏎"), 40),
        server=printable(each.server_text.replace("\n", "⏎"), 40),
        margin=number(each.margin, 2),
    )
