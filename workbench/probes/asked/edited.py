"""The same weights under another configuration of the model: whether they load, and what is left of it."""

import math
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from workbench.errors import CapabilityError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.quality.bootstrap import Resamples
from workbench.results import Quantities, Quantity
from workbench.words import say

_TOKENS = 512  # of the built-in long text, as far as the context goes
_HEADS = ("num_attention_heads", "num_key_value_heads")


def edited_config(bench: Bench, params: dict[str, Any], context: Context) -> Quantities:
    """params: changes (name -> value), or fewer_heads (as few, each as much wider, as the shapes allow).

    The resident model is left as it is: a second one is made of the same tensors, and both read the same text.
    """
    config = bench.model.config.get_text_config()
    changes = fewer_heads(config) if params.get("fewer_heads") else dict(params["changes"])
    if not changes:
        raise CapabilityError("tips.one_head", heads=config.num_attention_heads)
    edited = type(config).from_dict({**config.to_dict(), **changes})
    known = type(config)()
    settable = all(hasattr(known, name) and getattr(edited, name) == value for name, value in changes.items())
    other = _with_weights(bench.model, edited)
    notes = (say("tips.note.edited", changes=", ".join(f"{name}={value}" for name, value in changes.items())),)
    values = {"settable": Quantity(value=settable), "loads": Quantity(value=other is not None)}
    if other is None:
        return Quantities(values={**values, "ppl_ratio": Quantity(value=None)}, notes=notes)
    text = (files("workbench.probes") / "texts" / "long_context.txt").read_text(encoding="utf-8")
    length = min(_TOKENS, bench.facts.context_length)
    ids = bench.tokenizer(text, return_tensors="pt")["input_ids"][:, :length].to(bench.device)
    losses = [_losses(bench, model, ids, context) for model in (bench.model, other)]
    more = losses[1] - losses[0]
    bounds = Resamples(more[:, None], [len(more)]).interval(lambda mean: mean[0])
    values["ppl_ratio"] = Quantity(value=_exp(more.mean().item()), ci95=(_exp(bounds[0]), _exp(bounds[1])))
    return Quantities(values=values, notes=notes)


def fewer_heads(config: Any) -> Mapping[str, int]:
    """Heads divided by the least factor that divides them and their key-value heads, and as much wider; {} if none."""
    heads = [getattr(config, name) for name in _HEADS if getattr(config, name, None)]
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    factor = next((each for each in range(2, min(heads) + 1) if all(count % each == 0 for count in heads)), None)
    if factor is None:
        return {}
    kept = {name: getattr(config, name) // factor for name in _HEADS if getattr(config, name, None)}
    return {**kept, "head_dim": width * factor}


def _with_weights(model: Any, config: Any) -> Any:
    """A model of `config` that holds the tensors of `model`; None where a name or a shape does not agree."""
    config._attn_implementation = model.config._attn_implementation
    try:
        with torch.device("meta"):
            made = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
        found = made.load_state_dict(model.state_dict(), strict=False, assign=True)
    except (RuntimeError, ValueError):  # shapes that disagree, or values that the class refuses
        return None
    made.tie_weights()
    if found.unexpected_keys or any(parameter.is_meta for parameter in made.parameters()):
        return None
    if any(buffer.is_meta for buffer in made.buffers()):  # tables that the class computes; no checkpoint has them
        tables = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
        for name, buffer in [*made.named_buffers()]:
            if buffer.is_meta:
                owner, _dot, last = name.rpartition(".")
                made.get_submodule(owner)._buffers[last] = tables.get_buffer(name).to(model.device)
    return made.eval()


def _losses(bench: Bench, model: Any, ids: torch.Tensor, context: Context) -> torch.Tensor:
    """−ln p of every token of one row but the first, float64 on the host."""
    context.check()
    with torch.inference_mode(), bench.in_force():
        logits = model(input_ids=ids, use_cache=False).logits[0, :-1].float()
    losses: torch.Tensor = -logits.log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0].double().cpu()
    return losses


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))
