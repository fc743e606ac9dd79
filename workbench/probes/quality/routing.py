"""Which routed experts a model with mixture-of-experts layers chooses, and how many of those choices changed.

Rounding moves a token's router scores a little; where two experts were close, another one computes its output.
"""

import base64
from collections.abc import Sequence
from typing import Any

import torch

from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality.logits import row_of

_TOKENS = 128  # of each text


def gates(model: Any) -> dict[str, torch.nn.Module]:
    """name -> the module that chooses the experts of one layer; empty for a dense model."""
    return {
        name: module
        for name, module in model.named_modules()
        if type(module).__name__.endswith("Router") and hasattr(module, "top_k")
    }


def choices(output: Any) -> torch.Tensor:
    """Of what a router gives: the chosen experts, [token, k]."""
    whole: torch.Tensor = next(part for part in output if not part.is_floating_point())
    return whole.reshape(-1, whole.shape[-1])


def record(bench: Bench, texts: Sequence[Sequence[int]], context: Context) -> dict[str, Any] | None:
    """The experts chosen for the first tokens of `texts` (token ids), as plain data; None for a dense model.

    experts: base64 of uint16 [layer, position, k], the k of a position in ascending order
    """
    found = gates(bench.model)
    if not found:
        return None
    chosen: dict[str, list[torch.Tensor]] = {name: [] for name in found}

    def watch(name: str) -> Any:
        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            chosen[name].append(choices(output).sort(-1).values.cpu())

        return keep

    handles = [module.register_forward_hook(watch(name)) for name, module in found.items()]
    try:
        with bench.interruptible(context), bench.in_force():
            for text in texts:
                context.check()
                bench.model.base_model(**bench.masked(row_of(bench, tuple(text[:_TOKENS]))), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    layers = torch.stack([torch.cat(parts) for parts in chosen.values()]).to(torch.uint16)
    return {
        "layers": list(chosen),
        "shape": list(layers.shape),
        "experts": base64.b64encode(layers.numpy().tobytes()).decode("ascii"),
    }


def changed(reference: dict[str, Any] | None, candidate: dict[str, Any] | None) -> float | None:
    """Share of the reference's choices that the candidate did not make; None where they cannot be laid side by side."""
    if reference is None or candidate is None:
        return None
    if (reference["layers"], reference["shape"]) != (candidate["layers"], candidate["shape"]):
        return None
    own, other = (_experts(one) for one in (reference, candidate))
    kept = (own[..., :, None] == other[..., None, :]).any(-1)  # [layer, position, k]
    return 1 - kept.double().mean().item()


def _experts(record: dict[str, Any]) -> torch.Tensor:
    raw = bytearray(base64.b64decode(record["experts"]))
    return torch.frombuffer(raw, dtype=torch.uint16).to(torch.int32).reshape(record["shape"])
