"""Census: where the bytes of the resident model really are, against what was asked.

`get_memory_footprint` is not used: it counts tensor subclasses at their nominal dtype and leaves quantisation state
out. A tied head is counted once, as embedding.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from workbench.config import Config
from workbench.engine.stored import Stored, stored, tied
from workbench.knobs.formats import FORMATS, quantizes
from workbench.knobs.module_names import covers
from workbench.results.census import Census, Left, Role, Share
from workbench.words import Message, say, text
from workbench.words.format import size

_ATTENTION = ("attn", "attention")
_MLP = ("mlp", "ffn", "feed_forward", "shared_experts")
_EXPECTED = ("embedding", "attention", "mlp", "experts", "head")  # norms and biases are in full everywhere
_EXAMPLES = 3
_WORTH_NAMING = 0.01  # of all weights; a router is less


def count(model: torch.nn.Module) -> tuple[Share, ...]:
    """Values and bytes by role and format, largest first; every storage once."""
    cells: dict[tuple[Role, str], _Cell] = defaultdict(_Cell)
    seen: set[tuple[str, int]] = set()
    tables = _Tables.of(model)
    for one in stored(model):
        cell = cells[tables.role(one), one.format]
        state = _new_bytes(one.state, seen)
        cell.values += one.values
        cell.state_bytes += state if one.values else 0
        cell.bytes += _new_bytes(one.data, seen) + state
    shares = (
        Share(role=role, format=name, values=cell.values, bytes=cell.bytes, state_bytes=cell.state_bytes)
        for (role, name), cell in cells.items()
    )
    return tuple(sorted(shares, key=lambda share: -share.bytes))


def kept_as(model: torch.nn.Module) -> tuple[str, float]:
    """(the value of the knob quantization that most quantised weights are kept as, their share of all weights)."""
    values: Counter[str] = Counter()
    for one in stored(model):
        values[one.word] += one.values
    quantized = {word: found for word, found in values.items() if word != "none"}
    if not quantized:
        return "none", 0.0
    word = max(quantized, key=lambda name: quantized[name])
    return word, quantized[word] / values.total()


def census(model: torch.nn.Module, config: Config, loaded: tuple[Share, ...] = (), files: str | None = None) -> Census:
    """The bytes now, beside those `loaded` from the files, and what stayed in full although it was asked otherwise.

    files  what the files are quantised to (`ModelFacts.checkpoint_quantization`); None: in full
    """
    (ran, share), asked = kept_as(model), str(config.quantization)
    wanted = (files or ran) if asked == "auto" else asked
    undone = ran == "none" and wanted == files
    left = _left(model, config, wanted, undone=undone)
    now = count(model)
    return Census(
        asked=asked,
        ran=ran,
        loaded=loaded,
        now=now,
        left=left,
        sentence=_sentence(wanted, ran, share, now, left, undone=undone),
    )


@dataclass
class _Cell:
    values: int = 0
    bytes: int = 0
    state_bytes: int = 0


@dataclass(frozen=True)
class _Tables:
    """The modules that hold the embedding table and the head."""

    embedding: Any
    head: Any
    tied: bool

    @classmethod
    def of(cls, model: Any) -> "_Tables":
        return cls(model.get_input_embeddings(), model.get_output_embeddings(), tied(model))

    def role(self, one: Stored) -> Role:
        """By the module first, then by the names on the path to it."""
        if one.module is self.embedding or (one.module is self.head and self.tied):
            return "embedding"
        if one.module is self.head:
            return "head"
        if not one.values:
            return _by_path(one.name) if one.module._parameters else "other"
        return "norm" if "norm" in type(one.module).__name__.lower() else _by_path(one.name)


def _by_path(name: str) -> Role:
    parts = name.lower().split(".")
    if "experts" in parts:
        return "experts"
    if any(part in _MLP for part in parts):
        return "mlp"
    if any(word in part for part in parts for word in _ATTENTION):
        return "attention"
    return "norm" if any("norm" in part for part in parts) else "other"


def _new_bytes(held: Iterable[torch.Tensor], seen: set[tuple[str, int]]) -> int:
    """Bytes of the storages behind `held` that were not counted before."""
    found = 0
    for tensor in held:
        storage = tensor.untyped_storage()
        # weights that wait elsewhere have no address here
        key = (str(tensor.device), storage._cdata if tensor.is_meta else storage.data_ptr())
        if key not in seen:
            seen.add(key)
            found += storage.nbytes()
    return found


@dataclass
class _Kept:
    values: int = 0
    bytes: int = 0
    names: list[str] = field(default_factory=list)


def _left(model: Any, config: Config, wanted: str, *, undone: bool) -> tuple[Left, ...]:
    """Matrices that are in full although `wanted` quantises."""
    if not quantizes(wanted):
        return ()
    tables, groups = _Tables.of(model), defaultdict[tuple[Role, str, Message], _Kept](_Kept)
    for one in stored(model):
        role = tables.role(one)
        if one.word != "none" or one.row is None or role not in _EXPECTED:
            continue
        why = say("census.why.undone") if undone else _why(one, role, tables.tied, model, config, wanted)
        kept = groups[role, one.format, why]
        kept.values += one.values
        kept.bytes += sum(tensor.untyped_storage().nbytes() for tensor in one.data)
        kept.names.append(one.name)
    found = (
        Left(
            role=role,
            format=name,
            values=kept.values,
            bytes=kept.bytes,
            count=len(kept.names),
            names=tuple(kept.names[:_EXAMPLES]),
            why=why,
        )
        for (role, name, why), kept in groups.items()
    )
    return tuple(sorted(found, key=lambda left: -left.values))


def _why(one: Stored, role: Role, tied: bool, model: Any, config: Config, wanted: str) -> Message:
    chosen = FORMATS.get(wanted)
    package = chosen.package if chosen else wanted
    module = one.name.rpartition(".")[0]
    if config.skip_modules != "auto" and _named(module, config.skip_modules):
        return say("census.why.asked")
    if role in ("embedding", "head"):
        return say("census.why.tied", package=package) if tied else say("census.why.tables", package=package)
    if one.data[0].ndim > 2:
        return say("census.why.fused_experts", package=package)
    if not isinstance(one.module, torch.nn.Linear):
        return say("census.why.no_linear", package=package)
    if _named(module, getattr(getattr(model, "hf_quantizer", None), "modules_to_not_convert", None) or ()):
        return say("census.why.by_load")
    group = chosen.group if chosen and config.group_size == "auto" else config.group_size
    if chosen and chosen.grouped and group and one.row and one.row % int(group):
        return say("census.why.group", row=one.row, group=int(group), package=package)
    return say("census.why.unknown")


def _named(module: str, patterns: Iterable[str]) -> bool:
    return any(covers(pattern, module) for pattern in patterns)


def _sentence(
    wanted: str, ran: str, share: float, now: tuple[Share, ...], left: tuple[Left, ...], *, undone: bool
) -> Message:
    weights = [part for part in now if part.values]
    whole = size(sum(part.bytes for part in weights))
    formats = ", ".join(dict.fromkeys(part.format for part in weights))
    if not quantizes(wanted):
        return say("census.full", size=whole, formats=formats)
    if ran == "none" and undone:
        return say("census.dequantized", files=wanted, size=whole, formats=formats)
    if ran == "none":
        return say("census.nothing", asked=wanted, size=whole, formats=formats)
    if ran != wanted:
        return say("census.other", asked=wanted, word=ran)
    if not left:
        return say("census.all_quantized", size=whole, word=ran)
    told = _WORTH_NAMING * sum(part.values for part in weights)
    named = [part for part in left if part.values >= told] or left[:1]
    roles = ", ".join(dict.fromkeys(text(f"census.role.{part.role}") for part in named))
    return say("census.not_quantized", percent=round(100 * (1 - share)), roles=roles)
