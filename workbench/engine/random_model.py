"""Models of the catalogue with random weights: the true architecture where the real weights are not at hand.

Nothing is downloaded; text goes through the demo tokenizer.
"""

import importlib.metadata
import json
import math
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from workbench.catalog import MODELS
from workbench.catalog.random_names import RandomSpec
from workbench.engine.demo import ensure_demo
from workbench.errors import CapabilityError, ModelError
from workbench.words import text


def describe(spec: RandomSpec) -> Any:
    """The transformers config of the model. ModelError when transformers lacks the class."""
    values = spec.config
    model_type = values.pop("model_type")
    try:
        return AutoConfig.for_model(model_type, **values)
    except ValueError as error:
        raise ModelError(
            "model.no_class",
            name=spec.slug,
            version=importlib.metadata.version("transformers"),
            architecture=MODELS[spec.slug].architecture,
        ) from error


def build(
    spec: RandomSpec,
    dtype: torch.dtype,
    device: torch.device,
    attn_implementation: str = "sdpa",
    tokenizer: Any = None,
) -> tuple[Any, Any]:
    """(model, tokenizer): the model in evaluation mode, made in `dtype` on `device` without a second copy.

    tokenizer  one that `tokenizer_of` gave for the same spec; read again when left out

    The same spec, dtype and kind of device give the same weights. ModelError when transformers lacks the class,
    CapabilityError when the class lacks sdpa; torch's out-of-memory error passes through.
    """
    config = describe(spec)
    architecture = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    if attn_implementation == "sdpa" and not architecture._supports_sdpa:
        raise CapabilityError(
            "config.refused",
            knob="attention",
            value=repr(attn_implementation),
            reason=text("capability.class_without_sdpa", architecture=architecture.__name__),
            remedy=text("capability.use_eager"),
        )
    tokenizer = tokenizer or tokenizer_of(spec)
    # logits of about unit variance: not all ties in 16 bits, and far from overflow
    config.initializer_range = 1 / math.sqrt(config.hidden_size)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.device(device):
        torch.manual_seed(spec.seed)
        made = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=attn_implementation)
    if spec.scale == "tiny":
        ids = {name: getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    else:
        ids = {name: fact.value for name, fact in MODELS[spec.slug].tokens.items()}
    named = {f"{name}_token_id": value for name, value in ids.items()}
    for name, value in named.items():  # after the weights, of which a pad id makes one row zero
        setattr(made.config, name, value)
    made.generation_config = GenerationConfig(**named)
    return made.eval(), tokenizer


def tokenizer_of(spec: RandomSpec) -> Any:
    """The demo tokenizer; for a smaller vocabulary without its last merges, so that no id is beyond the table."""
    vocabulary: int = spec.config["vocab_size"]
    whole = AutoTokenizer.from_pretrained(ensure_demo())
    if len(whole) <= vocabulary:
        return whole
    document = json.loads(whole.backend_tokenizer.to_str())
    kept = {piece: number for piece, number in document["model"]["vocab"].items() if number < vocabulary}
    document["model"]["vocab"] = kept
    document["model"]["merges"] = [merge for merge in document["model"]["merges"] if "".join(merge) in kept]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(document)),
        chat_template=whole.chat_template,
        model_max_length=whole.model_max_length,
        **whole.special_tokens_map,
    )
