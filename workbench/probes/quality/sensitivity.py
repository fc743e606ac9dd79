"""Which layers a quantisation hurts: what each loses on its own inputs, and what the model gains when it runs in full.

The reference is the same model on the same kernels with every quantised layer in full, so that the KLD is that of the
quantisation alone: other roundings of the candidate are on both sides.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from statistics import fmean
from typing import Any

import torch

from workbench.errors import ModelError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality.bootstrap import Resamples
from workbench.probes.quality.decode import rendered
from workbench.probes.quality.distributions import Rows, compare, kept
from workbench.probes.quality.logits import Reader, row_of, vocabulary_of
from workbench.probes.quality.stored import Shelf
from workbench.probes.quality.twins import Errors, Twin, in_full
from workbench.results import Interval, Sensitive, Sensitivity
from workbench.suites import Passage
from workbench.words import Message, say

LARGEST_SUGGESTION = 0.2  # of the weights' bytes
_SINGLES = 6  # modules with the largest errors, tried one by one too
_FEW = 3  # groups in a suggestion
_WORTH_NAMING = 0.05  # of the KLD: a single small layer gains much a byte and still next to nothing


@dataclass(frozen=True)
class Group:
    """Layers that are tried together. `name`: as the knob skip_modules takes it."""

    name: str
    twins: tuple[Twin, ...]
    kld: torch.Tensor | None = None  # [positions], with these in full
    gain_ci95: Interval | None = None


def run(bench: Bench, params: dict[str, Any], context: Context) -> Sensitivity:
    """params: passages (as dicts), budget_s.

    CapabilityError where nothing is quantised, or the full weights are not at hand. The model is left as it was.
    """
    began = time.monotonic()
    context.enter(say("sensitivity.reading"))
    twins = bench.twins()
    texts = [_ids(bench, Passage(**passage)) for passage in params["passages"]]
    pass_over = _Passes(bench, [text for text in texts if len(text) > 1], context)
    with in_full(twins):
        pass_over.keep_reference()
    errors = Errors(twins)
    with errors.watched():
        base = pass_over.kld()
    if bad := int((~torch.isfinite(base)).sum()):
        raise ModelError("sensitivity.not_finite", bad=bad, count=len(base))
    groups = groups_of(twins, errors)
    until = began + params["budget_s"]
    tried = list(_tried(groups, pass_over, base, until, context))
    ranked = sorted(tried, key=lambda group: -_per_byte(group, base, bench.model.dtype))
    left_out = sum(group.kld is None for group in tried)
    few, few_kld = _together(ranked, pass_over, base, bench, context)
    found = tuple(_sensitive(group, errors, bench.model.dtype) for group in ranked)
    more = sum(twin.more_bytes(bench.model.dtype) for twin in _union(few))
    weight_bytes = bench.resolved().weight_bytes
    return Sensitivity(
        candidate=bench.config.to_dict(),
        positions=len(base),
        kld=base.mean().item(),
        groups=found,
        suggestion=_names(bench, few),
        suggestion_kld=few_kld,
        suggestion_more_bytes=more,
        weight_bytes=weight_bytes,
        sentence=_sentence(few, base.mean().item(), few_kld, more / weight_bytes),
        seconds=time.monotonic() - began,
        flags=(*bench.facts.notes, *([say("sensitivity.budget", left=left_out, count=len(tried))] if left_out else [])),
    )


class _Passes:
    """Teacher-forced passes over some texts, against the first of them."""

    def __init__(self, bench: Bench, texts: Sequence[Sequence[int]], context: Context) -> None:
        self._bench = bench
        self._texts = texts
        self._reader = Reader(bench, context)
        self.lengths = [len(text) for text in texts]
        self._shelf = Shelf(sum(self.lengths), vocabulary_of(bench))

    def keep_reference(self) -> None:
        for start, logits in self._logits():
            self._shelf.put(start, kept(logits, None, self._shelf.most))

    def kld(self) -> torch.Tensor:
        """Of each position, nats: [positions]. NaN logits count as infinitely far."""
        found = []
        for start, logits in self._logits():
            reference = self._shelf[slice(start, start + len(logits))].to(logits.device)
            found.append(compare(logits, reference, None))
        rows = Rows.join(found)
        return torch.where(rows.bad, torch.inf, rows.kld)

    def _logits(self) -> Iterator[tuple[int, torch.Tensor]]:
        first = 0
        for text in self._texts:
            batch = row_of(self._bench, tuple(text))
            for where, logits in self._reader.logits(batch, 0, len(text)):
                yield first + where.start, logits[0]
            first += len(text)


def groups_of(twins: Iterable[Twin], errors: Errors) -> tuple[Group, ...]:
    """By what they project over all layers, by layer, and the single ones that are furthest off."""
    by: dict[str, list[Twin]] = {}
    twins = tuple(twins)
    for twin in twins:
        layer, place = _split(twin.name)
        by.setdefault(place, []).append(twin)
        if layer:
            by.setdefault(layer, []).append(twin)
    for twin in sorted(twins, key=lambda twin: -errors.of(twin.name))[:_SINGLES]:
        by.setdefault(twin.name, [twin])
    return tuple(Group(name, tuple(members)) for name, members in by.items())


def _split(name: str) -> tuple[str, str]:
    """model.layers.3.mlp.down_proj -> (layers.3, mlp.down_proj); ("", name) outside the layers."""
    parts = name.split(".")
    number = next((at for at, part in enumerate(parts) if part.isdecimal()), None)
    if not number or number + 1 == len(parts):
        return "", name
    return ".".join(parts[number - 1 : number + 1]), ".".join(parts[number + 1 :])


def _tried(
    groups: Sequence[Group], passes: _Passes, base: torch.Tensor, until: float, context: Context
) -> Iterator[Group]:
    """Each group with the KLD when it runs in full, while there is time."""
    longest = 0.0
    for done, group in enumerate(groups):
        context.progress(say("sensitivity.trying", name=group.name), done, len(groups))
        now = time.monotonic()
        if now + longest > until and done:
            yield group
            continue
        with in_full(group.twins):
            kld = passes.kld()
        longest = max(longest, time.monotonic() - now)
        drawn = Resamples(torch.stack([base, kld], dim=1), passes.lengths)
        yield replace(group, kld=kld, gain_ci95=drawn.interval(lambda mean: mean[0] - mean[1]))


def _per_byte(group: Group, base: torch.Tensor, dtype: torch.dtype) -> float:
    """KLD gained per byte that it takes; the best first, those that were not measured last."""
    if group.kld is None:
        return -float("inf")
    return (base - group.kld).mean().item() / max(sum(twin.more_bytes(dtype) for twin in group.twins), 1)


def _together(
    ranked: Sequence[Group], passes: _Passes, base: torch.Tensor, bench: Bench, context: Context
) -> tuple[tuple[Group, ...], float | None]:
    """The best few at once, really run: they do not simply add up. As few as give the lowest KLD."""
    room = LARGEST_SUGGESTION * bench.resolved().weight_bytes
    least = _WORTH_NAMING * base.mean().item()
    chosen: list[Group] = []
    for group in ranked:
        known = {twin.name for twin in _union(chosen)}
        if group.kld is None or group.gain_ci95 is None or not group.gain_ci95[0] > 0:
            continue
        if (base - group.kld).mean().item() < least or all(twin.name in known for twin in group.twins):
            continue
        more = sum(twin.more_bytes(bench.model.dtype) for twin in _union([*chosen, group]))
        if more <= room and len(chosen) < _FEW:
            chosen.append(group)
    best: tuple[tuple[Group, ...], float | None] = ((), None)
    lowest = base.mean().item()
    for few in accumulate(((group,) for group in chosen), lambda so_far, one: so_far + one):
        context.progress(say("sensitivity.together", count=len(few)), len(few) - 1, len(chosen))
        with in_full(_union(few)):
            mean = passes.kld().mean().item()
        if mean < lowest:
            best, lowest = (few, mean), mean
    return best


def _union(groups: Iterable[Group]) -> tuple[Twin, ...]:
    return tuple({twin.name: twin for group in groups for twin in group.twins}.values())


def _names(bench: Bench, few: Sequence[Group]) -> tuple[str, ...]:
    """For the knob: what it names already, and these."""
    named = bench.config.skip_modules
    before = () if named == "auto" or not few else tuple(named)
    return (*before, *(group.name for group in few))


def _sensitive(group: Group, errors: Errors, dtype: torch.dtype) -> Sensitive:
    return Sensitive(
        names=(group.name,),
        label=group.name,
        error=fmean(errors.of(twin.name) for twin in group.twins),
        kld_without=None if group.kld is None else group.kld.mean().item(),
        gain_ci95=group.gain_ci95,
        more_bytes=sum(twin.more_bytes(dtype) for twin in group.twins),
    )


def _sentence(few: Sequence[Group], before: float, after: float | None, more: float) -> Message:
    if after is None:
        return say("sensitivity.none", kld=before)
    names = ", ".join(group.name for group in few)
    return say("sensitivity.leave", names=names, before=before, after=after, more=more)


def _ids(bench: Bench, passage: Passage) -> list[int]:
    return rendered(bench.tokenizer, passage.text, passage.messages, answered=False)[: passage.tokens]
