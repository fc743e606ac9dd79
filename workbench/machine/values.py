"""Every value of the knobs that a machine decides: usable here or not, and why; no model is loaded."""

from collections.abc import Iterator
from typing import Any

from workbench.catalog import models
from workbench.catalog.architectures import ClassSupport, class_support
from workbench.config import Config
from workbench.knobs import KNOBS, Choice, Group, Knob, Toggle
from workbench.knobs.capability_cache import CACHE_BITS
from workbench.results import Machine, ModelFacts
from workbench.results.values import Values, ValueVerdict
from workbench.words.format import knob_value

_GROUPS = (Group.ATTENTION, Group.DECODING, Group.QUANTISATION)
FP8 = ("float8_e4m3fn", "float8_e5m2")
_ARITHMETIC = ("autocast", "tf32", "cudnn_benchmark")
# what gives a knob its effect, where the defaults do not
_BESIDE: dict[str, dict[str, Any]] = {
    "freezing": {"compile": "default"},
    "cache_backend": {"cache": "quantized"},
    "cache_bits": {"cache": "quantized"},
    "compute_dtype": {"quantization": "bnb-nf4"},
    "bnb_double_quant": {"quantization": "bnb-nf4"},
    "quantize_head": {"quantization": "torchao-int8-weight"},
}


def values(machine: Machine, model: str | None = None) -> Values:
    """Verdicts on every value for this machine, and for a model of the catalogue where one is named.

    ModelError names the nearest match and the list when the catalogue does not hold `model`.
    """
    facts = None if model is None else verdict_facts(model)
    found = []
    for knob in KNOBS.values():
        if knob.group not in _GROUPS and knob.name not in _ARITHMETIC:
            continue
        for value, beside in _candidates(knob, machine):
            config = {**Config(), **_BESIDE.get(knob.name, {}), **beside, knob.name: value}
            capability = knob.capability(value, machine, facts, config)
            words = knob_value(value) + "".join(f" ({part})" for part in beside.values())
            found.append(
                ValueVerdict(
                    knob=knob.name,
                    value=words,
                    usable=capability.ok,
                    reason=capability.reason,
                    remedy=capability.remedy,
                    note=capability.note,
                )
            )
    return Values(model=None if facts is None else facts.name, verdicts=tuple(found))


def verdict_facts(model: str) -> ModelFacts:
    """What verdicts ask of a model that is not loaded: its class, from the installed transformers, and its head sizes.

    The sizes in bytes are left at 0: no verdict on a listed value asks for them.
    """
    entry = models.model(model)
    dtype = entry.checkpoint_dtype.value if entry.checkpoint_dtype else None
    config = {name: fact.value for name, fact in entry.config.items()}
    heads = config["num_attention_heads"]
    support = class_support(entry.model_type) or ClassSupport()
    return ModelFacts(
        name=entry.slug,
        model_type=entry.model_type,
        architecture=entry.architecture,
        parameters=0,
        layers=config["num_hidden_layers"],
        hidden_size=config["hidden_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        context_length=config["max_position_embeddings"],
        vocab_size=config["vocab_size"],
        kv_bytes_per_token=0,
        weight_bytes=0,
        supports_sdpa=support.sdpa is not False,
        supports_flash=support.flash is not False,
        supports_flex=support.flex is not False,
        supports_static_cache=support.static_cache is not False,
        compiles_whole=support.compiles_whole is not False,
        checkpoint_dtype=dtype,
        checkpoint_quantization="fp8" if dtype in FP8 else None,
        config={"model_type": entry.model_type, **config},
    )


def _candidates(knob: Knob, machine: Machine) -> Iterator[tuple[Any, dict[str, Any]]]:
    """(value, what stands beside it) of everything that can be listed; a length cannot."""
    if knob.name == "cache_bits":
        for backend, bits in CACHE_BITS.items():
            yield from ((value, {"cache_backend": backend}) for value in bits)
    elif isinstance(knob.kind, Choice):
        for value in dict.fromkeys((*knob.kind.values, *knob.offered(machine))):
            yield value, {}
    elif isinstance(knob.kind, Toggle):
        yield from ((value, {}) for value in (False, True))
