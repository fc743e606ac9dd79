"""Questions that a session answers, or the model in its worker: each by its name in `workbench.tips.probes`."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from workbench.errors import CapabilityError, ModelError
from workbench.results import Census, Quantities, Quantity, Share, Workload
from workbench.results.census import FULL
from workbench.session import Session
from workbench.stats import independent_ratio, t95
from workbench.suites import decoding_prompts
from workbench.tips.stand import Stand
from workbench.words import say

Params = Mapping[str, Any]
_TABLES = ("norm", "embedding")
_DECODE = Workload(prompt_tokens=64, new_tokens=32)
_RUN_S = 5.0
_ROWS_S = 90.0
_PREFIX_S = 30.0


def census(stand: Stand, session: Session, params: Params) -> Quantities:
    """params: knobs, against."""
    found = _counted(stand, session, params.get("knobs", {}))
    values = {
        "full_share": Quantity(value=_full(found.now)),
        "norms_quantized": Quantity(
            value=sum(each.values for each in found.now if each.role in _TABLES and each.format not in FULL)
        ),
    }
    experts = [each for each in found.now if each.role == "experts"]
    if experts:
        values["experts_full_share"] = Quantity(value=_full(experts))
    if "against" in params:
        values["bytes_ratio"] = Quantity(value=found.bytes / _counted(stand, session, params["against"]).bytes)
    return Quantities(values=values, notes=(found.sentence,))


def token_ids(_stand: Stand, session: Session, params: Params) -> Quantities:
    """params: id."""
    facts = session.tokens(max_new_tokens=16).facts
    pad, ends = facts.row("pad"), facts.row("eos")
    values = {
        "tokenizer_pad_unset": Quantity(value=not pad.ids("tokenizer")),
        "samples": Quantity(value=bool(facts.sampling)),
    }
    if "id" in params:
        values["id_is_end"] = Quantity(value=any(params["id"] in ends.ids(source) for source in ends.stated))
    return Quantities(values=values)


def round_trip(_stand: Stand, session: Session, _params: Params) -> Quantities:
    """What a tokenizer that loses text says is told by `refused`: its model is not loaded."""
    whole = session.tokens(max_new_tokens=16).facts.check("round_trip")
    if whole is None:
        return Quantities(values={"round_trip": Quantity(value=None)})
    return Quantities(values={"round_trip": Quantity(value=whole.outcome == "passed")}, notes=(whole.sentence,))


def refused(name: str, error: ModelError) -> Quantities | None:
    """The answer that a refused load is to a question; None where it is none."""
    if name != "round_trip" or error.code != "tokenizer.round_trip":
        return None
    note = say("tips.note.refused", problem=error.what)
    return Quantities(values={"round_trip": Quantity(value=False)}, notes=(note,))


def ties(stand: Stand, session: Session, params: Params) -> Quantities:
    """params: temperature, seeds, knobs."""
    threads = session.machine.threads.threads if session.machine.threads else session.machine.cpu.cores
    prompts = [prompt.content for prompt in decoding_prompts()]
    return session.ask(
        "ties", temperature=params["temperature"], seeds=params["seeds"], prompts=prompts, threads=threads
    )


def windows(_stand: Stand, session: Session, params: Params) -> Quantities:
    """params: text_tokens, size (a share of them), overlap."""
    tokens = min(params["text_tokens"], session.facts.context_length)
    found = session.windows(size=round(params["size"] * tokens), overlap=params["overlap"], tokens=tokens)
    one = found.one_pass.last_nll if found.one_pass is not None else math.nan
    change = found.last_difference_ci95 or (-math.inf, math.inf)
    return Quantities(
        values={
            "time_ratio": Quantity(value=found.time_ratio, ci95=found.time_ratio_ci95),
            "loss_ratio": Quantity(
                value=(one + (found.last_difference or 0.0)) / one,
                ci95=((one + change[0]) / one, (one + change[1]) / one),
            ),
        },
        notes=(found.verdict,),
    )


def stopping(_stand: Stand, session: Session, params: Params) -> Quantities:
    """params: after, ended (cut: when it is finished; criterion: while it is made)."""
    found = session.stopping(params["after"])
    ratio, bounds = {
        "cut": (found.cut_ratio, found.cut_ratio_ci95),
        "criterion": (found.stop_ratio, found.stop_ratio_ci95),
    }[params["ended"]]
    return Quantities(values={"time_ratio": Quantity(value=ratio, ci95=bounds)}, notes=(found.verdict,))


def prefix(_stand: Stand, session: Session, params: Params) -> Quantities:
    """params: tokens."""
    point = session.prefix([params["tokens"]], budget_s=_PREFIX_S).points[0]
    bounds = (point.ci95[0] / point.proportion, point.ci95[1] / point.proportion) if point.ci95 else None
    return Quantities(
        values={
            "ttft_ratio": Quantity(value=point.ratio, ci95=point.ci95, floor=point.noise_floor),
            "ttft_share": Quantity(value=point.ratio / point.proportion, ci95=bounds),
            "same_tokens": Quantity(value=point.first_divergence is None),
        },
        notes=(point.verdict, point.agreement),
    )


def sampling(_stand: Stand, session: Session, params: Params) -> Quantities:
    """params: settings, two of them: what the second changes against the first."""
    effects = session.decoding(list(params["settings"])).settings[1]

    def change(metric: str) -> Quantity:
        found = effects.metrics[metric]
        return Quantity(value=found.difference, ci95=found.difference_ci95)

    return Quantities(
        values={"repeats": change("repeat_4gram"), "loss": change("nll"), "ended": change("ended")},
        notes=effects.verdicts[:2],
    )


def domains(stand: Stand, session: Session, params: Params) -> Quantities:
    """params: knobs, texts, others. Against the same weights in full, in the same 16 bits."""
    session.apply(stand.config(params["knobs"]))
    full = {**params["knobs"], "quantization": "none"}
    by_domain = session.quality(stand.config(full)).by_domain

    def mean(names: tuple[str, ...]) -> tuple[float, float]:
        """KLD over the positions of several texts, and its variance."""
        chosen = [by_domain[name] for name in names]
        total = sum(each.positions for each in chosen)
        shares = [each.positions / total for each in chosen]
        width = [(each.kld.mean_ci95[1] - each.kld.mean_ci95[0]) / (2 * t95(each.blocks - 1)) for each in chosen]
        value = sum(share * each.kld.mean for share, each in zip(shares, chosen, strict=True))
        return value, sum((share * each) ** 2 for share, each in zip(shares, width, strict=True))

    (texts, one), (others, other) = mean(params["texts"]), mean(params["others"])
    return Quantities(values={"excess_se": Quantity(value=(texts - others) / math.sqrt(one + other))})


def latency(stand: Stand, session: Session, params: Params) -> Quantities:
    """params: seconds, threshold_s."""
    seconds = params["seconds"]
    found = stand.once(f"latency {session.name} {seconds}", lambda: session.latency(_DECODE, seconds=seconds))
    values = {"gaps_p99": Quantity(value=found.itl.p99 is not None)}
    if (threshold := params.get("threshold_s")) is not None:
        above = {each.p90 > threshold for each in (found.ttft, found.itl, found.e2e) if each.p90 is not None}
        values["disagree"] = Quantity(value=len(above) > 1 if above else None)
    return Quantities(values=values)


def utilisation(stand: Stand, session: Session, params: Params) -> Quantities:
    """params: batch_size. CapabilityError where no GPU was looked at."""
    work = _DECODE.replace(batch_size=params["batch_size"])
    found = session.measure(work, budget_s=20)
    gpus = found.device.gpus if found.device is not None else ()
    if not gpus:
        raise CapabilityError("tips.on_the_gpu", device=session.resolved.device)
    return Quantities(
        values={
            "busy_share": Quantity(value=gpus[0].kernel_time_share),
            "bandwidth_share": Quantity(value=found.decode_limit_share),
        }
    )


def fragments(stand: Stand, session: Session, params: Params) -> Quantities:
    """params: batch_size, allocators. The highest of the first one; `agree`: to 5 points of a hundred."""
    allocators = [*params["allocators"]]
    found = session.memory_health(
        Workload(prompt_tokens=512, new_tokens=64, batch_size=params["batch_size"]),
        budget_s=_ROWS_S,
        compare=allocators,
    )
    run = found.runs[0]
    split, unused = run.highest("split_share"), run.highest("unused_share")
    agree = split is not None and unused is not None and abs(split - unused) < 0.05
    return Quantities(values={"inactive_share": Quantity(value=split), "agree": Quantity(value=agree)})


def memory_parts(_stand: Stand, session: Session, params: Params) -> Quantities:
    """params: work."""
    found = session.measure(Workload(**params["work"]), budget_s=_RUN_S)
    beside = found.peak_bytes - session.resolved.weight_bytes
    return Quantities(values={"beside_weights_bytes": Quantity(value=beside)})


def crossover(stand: Stand, session: Session, _params: Params) -> Quantities:
    """The prompt up to which the CPU is ahead in time, with its interval, and joules of a short request, CPU ÷ GPU."""
    found = session.crossover(budget_s=_ROWS_S)
    at, first = found.crossing.get("e2e_s"), found.points[0]
    if at is not None:
        ahead = Quantity(value=0.0) if at.b_below else Quantity(value=at.at, ci95=at.interval)
    else:
        ahead = Quantity(value=float(found.points[-1].prompt_tokens) if first.ratio["e2e_s"] > 1 else 0.0)
    work = Workload(prompt_tokens=first.prompt_tokens, new_tokens=_DECODE.new_tokens)
    sides = []
    for device in ("cuda", "cpu"):
        session.apply(stand.config({"device": device}))
        sides.append(session.energy(work, budget_s=_ROWS_S / 2))
    gpu, cpu = sides
    if gpu.joules_per_token is None or cpu.joules_per_token is None:
        raise CapabilityError("tips.no_energy", cpu=str(cpu.missing or cpu.covers), gpu=str(gpu.missing or gpu.covers))
    ratio, bounds = independent_ratio(
        *(gpu.joules_per_token, gpu.ci95["joules_per_token"]), *(cpu.joules_per_token, cpu.ci95["joules_per_token"])
    )
    return Quantities(values={"cpu_ahead_below": ahead, "joules_ratio": Quantity(value=ratio, ci95=bounds)})


def asked(name: str) -> Callable[[Stand, Session, Params], Quantities]:
    """A question that goes to the worker as it is."""

    def ask(_stand: Stand, session: Session, params: Params) -> Quantities:
        return session.ask(name, **params)

    return ask


def _counted(stand: Stand, session: Session, knobs: Params) -> Census:
    def count() -> Census:
        session.apply(stand.config(knobs))
        return session.census()

    found: Census = stand.once(f"census {session.name} {dict(knobs)}", count)
    return found


def _full(shares: Any) -> float:
    """Of all values, the share that is kept in a format that is not quantised."""
    every: list[Share] = [*shares]
    return sum(each.values for each in every if each.format in FULL) / sum(each.values for each in every)
