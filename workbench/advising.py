"""Why is it slow? What a session knows of itself is gathered, the rules look at it, and a change is tried."""

import os
import time

import psutil

from workbench.advice import Evidence, ranked
from workbench.bench import Bench
from workbench.checks import positive
from workbench.compare import compare
from workbench.config import Config
from workbench.decoding.tokens import stated
from workbench.errors import ConfigError
from workbench.measure import measure
from workbench.others import seen
from workbench.proving import limits
from workbench.results import Census, Comparison, Measurement, Scan, Trace, Workload
from workbench.results.advice import Advice, Cure, Finding
from workbench.tracing import trace
from workbench.words import Message, say
from workbench.words.format import ratio

_LEAST_NEW = 8  # tokens: decode must be seen
_NEWEST = 200  # measurements that are looked through for one in full
_PRECISION = 0.05


def advise(bench: Bench, job: int, workload: Workload | None = None, *, budget_s: float = 5.0) -> Advice:
    """Findings about the configuration in force on `workload` (default: the last that was measured, else "quick").

    Measures and traces where that was not done for this configuration and workload; `budget_s` for the measurement.
    Kept in the store.
    """
    positive(budget_s=budget_s)
    began, context = time.monotonic(), bench.context(job)
    last: Measurement | None = bench.last.get("measurement")
    work = workload or (last.workload if last is not None else Workload.preset("quick"))
    taken = _measured(bench, job, work, budget_s)
    context.check()
    traced = _traced(bench, job, work)
    context.check()
    bounds = limits(bench, job, work)
    context.check()
    evidence = Evidence(
        machine=bench.machine,
        facts=bench.facts,
        config=bench.config,
        resolved=bench.resolved,
        workload=work,
        measurement=taken,
        trace=traced,
        limits=bounds,
        sharing=seen(bench.config["device"], bench.machine, besides=True),
        tokens=stated(bench, job),
        census=_census(bench, job),
        full=_in_full(bench, work),
        scan=_scan(bench),
        allocator=bench.allocator,
        swapped=_swapped(bench),
        padding=_padding(bench, job, work),
        prompts=len(work.prompts or ()),
    )
    findings, asked, lacking = ranked(evidence)
    found = Advice(
        findings=findings,
        looked_at=asked,
        left_out=lacking,
        config=bench.config.to_dict(),
        resolved=bench.resolved,
        workload=work,
        seconds=time.monotonic() - began,
        flags=taken.flags,
    )
    return bench.deliver(job, "advice", found)


def try_out(
    bench: Bench,
    job: int,
    finding: Finding,
    workload: Workload | None = None,
    *,
    budget_s: float = 30.0,
    keep: bool = True,
) -> Cure:
    """The finding's change against the configuration in force, in turns; it stays in force where nothing got worse.

    keep  False: the configuration of before is in force again, whatever came of it
    ConfigError for a finding without a change.
    """
    if not finding.change:
        raise ConfigError("advice.no_change", rule=finding.rule)
    before = bench.config
    after = before.replace(**finding.change)
    gain = finding.expected_gain
    metric = gain.metric if gain else "decode_tps"
    found = compare(bench, job, before, after, workload, precision=_PRECISION, budget_s=budget_s)
    worse = metric in found.seen and found.ratio[metric] < 1
    kept = keep and not worse
    if kept:
        bench.apply(job, after)
    cure = Cure(
        finding=finding,
        comparison=found,
        metric=metric,
        got=found.ratio[metric],
        got_ci95=found.ci95.get(metric),
        sentence=_sentence(finding, found, metric),
        kept=kept,
    )
    bench.last["cure"] = cure
    bench.tell(job, "result", {"kind": "cure", "value": cure, "config": bench.config})
    return cure


def _sentence(finding: Finding, found: Comparison, metric: str) -> Message:
    """What was expected, and what came of it."""
    gain, got = finding.expected_gain, ratio(found.ratio[metric])
    code = "advice.got_shared" if found.shared else "advice.got" if metric in found.seen else "advice.got_nothing"
    what = say(code, got=got)
    if gain is None:
        return say("advice.cure_unknown", what=str(what))
    return say("advice.cure", low=ratio(gain.low), high=ratio(gain.high), what=str(what))


def _measured(bench: Bench, job: int, work: Workload, budget_s: float) -> Measurement:
    last: Measurement | None = bench.last.get("measurement")
    if last is not None and bench.last.get("measured_config") == bench.config and last.workload == work:
        return last
    return measure(bench, job, work, budget_s=budget_s)


def _traced(bench: Bench, job: int, work: Workload) -> Trace:
    last: Trace | None = bench.last.get("trace")
    if last is not None and bench.last.get("traced_config") == bench.config and last.workload == work:
        return last
    return trace(bench, job, work)


def _census(bench: Bench, job: int) -> Census | None:
    """Of quantised weights; the others are what the config says."""
    if bench.resolved.quantization == "none":
        return None
    return Census.from_dict(bench.call(job, "census", {})["result"])


def _in_full(bench: Bench, work: Workload) -> Measurement | None:
    """The newest measurement in the store that differs from now only in that its weights are in full."""
    if bench.resolved.quantization == "none":
        return None
    here, format_now = bench.machine.label, {name: bench.config[name] for name in ("quantization", "dtype")}
    for record in bench.runs.filter(kind="measurement", model=bench.facts.name, machine=here, limit=_NEWEST):
        config = {**Config(**record["config"]).to_dict(), **format_now}
        same = config == bench.config.to_dict() and record["resolved"]["quantization"] == "none"
        if same and Workload(**record["workload"]) == work:
            return Measurement.from_dict(record["result"])
    return None


def _scan(bench: Bench) -> Scan | None:
    last: Scan | None = bench.last.get("scan")
    same = last is not None and last.parameter == "batch_size" and Config(**last.lines[0].config) == bench.config
    return last if same else None


def _swapped(bench: Bench) -> int | None:
    """Bytes of the model's process in swap; None where the system does not tell."""
    try:
        found = psutil.Process(bench.host.pid or os.getpid()).memory_full_info()
    except psutil.Error:
        return None
    return getattr(found, "swap", None)


def _padding(bench: Bench, job: int, work: Workload) -> float | None:
    """Share of the prompts' positions that one padded batch of them fills with padding."""
    if work.prompts is None:
        return work.padded
    asked = {"probe": "requests", "workload": work.to_dict()}
    lengths: list[int] = bench.call(job, "probe", asked)["result"]["lengths"]
    rows = [lengths[row % len(lengths)] for row in range(work.batch_size)]
    return 1 - sum(rows) / (max(rows) * len(rows))
