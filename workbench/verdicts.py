"""From a quality diff to words: what a configuration saves and what it costs, what hurts most, what to beware of.

Candidates are ranked by KLD (of the text or of the decode path, whichever is larger), never by perplexity, which may
fall while a model gets worse. Nothing is told apart that is nearly lossless: the formats of llama.cpp that lose less
than 0.01 nats (q8_0 0.0014, q6_K 0.0055 on LLaMA-3-8B; tools/perplexity/README.md) are not told apart by tasks. No
torch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from workbench import suites
from workbench.config import Config
from workbench.judging import names_of
from workbench.knobs.formats import FORMATS, PLAIN
from workbench.results import ModelFacts, QualityDiff, Reference, Resolved, Statistics
from workbench.words import say, text
from workbench.words.format import interval, number, ratio, share
from workbench.words.message import Message

NEARLY_LOSSLESS = 0.01  # nats
_SMALL = 1e9  # parameters
_FEW_BITS = 4
_SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}
# knobs that a reference differs in from everything, and that say nothing of what was tried
_UNSAID = (
    *("attention", "dtype", "quantization", "padding_side"),
    *("device", "threads", "waiting", "pinning", "allocator"),
)


def judged(
    found: QualityDiff,
    resolved: Resolved,
    reference: Reference,
    facts: ModelFacts,
    calibrating: Mapping[str, float] | None = None,
) -> QualityDiff:
    """`found` with its verdict, its flags, and what calibrated the weights.

    resolved     the candidate's
    calibrating  domain -> how much of it calibrated the weights; None: the weights keep no marks that would tell
    """
    found = found.model_copy(update={"calibrated_by": facts.calibrated_by})
    return found.model_copy(
        update={
            "verdict": verdict(found, resolved, reference),
            "flags": (*facts.notes, *_flags(found, resolved, reference, facts, calibrating)),
        }
    )


def within_floor(block: Statistics, found: QualityDiff) -> bool:
    """Whether what was seen could be the reference against itself."""
    low = block.kld.mean_ci95[0] if block.blocks > 1 else block.kld.mean
    return low <= found.noise_floor.reach


def no_difference(found: QualityDiff) -> bool:
    """Over the text and along the decode path."""
    return all(within_floor(block, found) for block in (found.overall, found.decode_path) if block is not None)


def verdict(found: QualityDiff, resolved: Resolved, reference: Reference) -> Message:
    """The one sentence."""
    name = label(found, resolved)
    memory = _memory(found, reference)
    kld = found.overall.kld
    if no_difference(found):
        floor = number(found.noise_floor.reach)
        return say("quality.no_difference", name=name, memory=memory, kld=number(kld.mean), floor=floor)
    seen = {
        "name": name,
        "memory": memory,
        "kld": number(kld.mean),
        "interval": interval(kld.mean_ci95),
        "same": share(found.overall.same_top),
    }
    along = found.decode_path
    if along is not None and within_floor(found.overall, found):
        return say(
            "quality.decode_only",
            name=name,
            memory=memory,
            kld=number(along.kld.mean),
            interval=interval(along.kld.mean_ci95),
            same=share(along.same_top),
        )
    if along is not None and kld.mean <= NEARLY_LOSSLESS < along.kld.mean:
        path = {"path_kld": number(along.kld.mean), "path_interval": interval(along.kld.mean_ci95)}
        return say("quality.decode_worse", **seen, **path)
    if kld.mean <= NEARLY_LOSSLESS:
        return say("quality.nearly_lossless", **seen)
    hardest = hardest_hit(found)
    if hardest is None:
        return say("quality.lossy", **seen)
    return say("quality.hit_hardest", **seen, domain=text(f"domain.{hardest}"))


def hardest_hit(found: QualityDiff) -> str | None:
    """The domain whose loss lies above that of all text, interval and all; None where no domain stands out."""
    if len(found.by_domain) < 2:
        return None
    worst = max(found.by_domain, key=lambda domain: found.by_domain[domain].kld.mean)
    return worst if found.by_domain[worst].kld.mean_ci95[0] > found.overall.kld.mean else None


def _memory(found: QualityDiff, reference: Reference) -> str:
    """Of the weights, against the same weights in 16 bits, which is how models come."""
    if reference.quantization != "none":
        return text("quality.memory_reference", ratio=ratio(found.weight_bytes / found.reference_bytes))
    sixteen_bits = found.reference_bytes * 2 / _SIZES.get(reference.dtype, 2)
    return text("quality.memory", ratio=ratio(found.weight_bytes / sixteen_bits))


def label(found: QualityDiff, resolved: Resolved) -> str:
    """What the candidate is called: its format, and what else was changed. "bnb-nf4, cache quantized"."""
    candidate, reference = Config(**found.candidate), Config(**found.reference)
    kind = resolved.quantization if resolved.quantization not in PLAIN else resolved.dtype
    others = {knob: value for knob, value in candidate.items() if knob not in _UNSAID and candidate.matters(knob)}
    plain = candidate.replace(**{knob: reference[knob] for knob in others})
    if plain == candidate:
        return f"{kind}, {candidate['attention']}" if kind == reference["dtype"] else kind
    return f"{kind}, {names_of(plain, candidate)[1]}"


def larger_loss(found: QualityDiff) -> tuple[Statistics, bool]:
    """What a candidate is ranked by: the larger KLD of text and decode path; whether it is that of the path."""
    along = found.decode_path
    if along is not None and along.kld.mean > found.overall.kld.mean:
        return along, True
    return found.overall, False


def _flags(
    found: QualityDiff,
    resolved: Resolved,
    reference: Reference,
    facts: ModelFacts,
    calibrating: Mapping[str, float] | None,
) -> Sequence[Message]:
    flags: list[Message] = list(_of_numbers(found, reference))
    chosen = FORMATS.get(resolved.quantization)
    if chosen is not None and chosen.bits <= _FEW_BITS and facts.parameters < _SMALL:
        flags.append(say("quality.small_model", millions=round(facts.parameters / 1e6)))
    if chosen is not None and chosen.calibrated and found.calibrated_by is None:
        flags.append(say("quality.calibration_unknown", format=chosen.name))
    elif found.calibrated_by is not None:
        flags.extend(_calibration(found.calibrated_by, found, facts, calibrating))
    if reference.quantization != "none":
        flags.append(say("quality.reference_quantised", format=reference.quantization))
    return flags


def _calibration(
    by: str, found: QualityDiff, facts: ModelFacts, calibrating: Mapping[str, float] | None
) -> Sequence[Message]:
    """Whether the text that is judged made the weights. A copy without marks knows of our own suites alone."""
    if calibrating is not None:
        held = [f"{text(f'domain.{domain}')} {share(part)}" for domain, part in calibrating.items() if part > 0]
        return [say("quality.leaked", text=by, shared=", ".join(held))] if held else []
    if found.suite not in suites.NAMES:
        return [say("quality.calibration_unmarked", text=by)]
    held = [text(f"domain.{domain}") for domain in found.by_domain if domain in facts.calibration_leaked]
    return [say("quality.leaked", text=by, shared=", ".join(held))] if held else []


def _of_numbers(found: QualityDiff, reference: Reference) -> Sequence[Message]:
    flags = []
    blocks: dict[str, Any] = {text("quality.the_text"): found.overall, text("quality.the_path"): found.decode_path}
    for where, block in blocks.items():
        if block is not None and block.bad_positions:
            total = block.positions + block.bad_positions
            flags.append(say("quality.bad_positions", bad=block.bad_positions, total=total, where=where))
    if reference.answers and found.decode_path is None:
        flags.append(say("quality.bad_path"))
    lost = [one.domain for one in reference.texts if one.domain not in found.by_domain]
    flags.extend(say("quality.bad_domain", domain=text(f"domain.{domain}")) for domain in dict.fromkeys(lost))
    times = found.ppl_ratio
    if times is not None and times < 1 and not within_floor(found.overall, found):
        flags.append(say("quality.better_perplexity", ratio=ratio(times)))
    if reference.kept:
        bound = number(found.overall.tail_bound)
        flags.append(say("quality.tail", kept=reference.kept, vocabulary=reference.vocabulary, bound=bound))
    return flags
