"""Models of the catalogue with random weights: the true architecture where the real weights are not at hand.

`random:<slug>[?layers=2&scale=tiny&seed=0]`. Nothing is downloaded; text goes through the demo tokenizer.
"""

import importlib.metadata
import json
import math
import urllib.parse
from dataclasses import dataclass
from typing import Any, Literal

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from workbench.catalog import MODELS, hf_config, model
from workbench.catalog.models import TINY_VOCABULARY
from workbench.engine.demo import ensure_demo
from workbench.errors import CapabilityError, ModelError
from workbench.words import Message, say, text

PREFIX = "random:"


@dataclass(frozen=True)
class RandomSpec:
    """A parsed name. `config`: arguments of the transformers config; `whole_layers`: of the published model."""

    slug: str
    layers: int | None = None
    scale: Literal["tiny"] | None = None
    seed: int = 0

    @property
    def config(self) -> dict[str, Any]:
        return hf_config(self.slug, self.layers, self.scale)

    @property
    def name(self) -> str:
        """The shortest name that parses to this spec."""
        given = {"layers": self.layers, "scale": self.scale, "seed": self.seed or None}
        query = urllib.parse.urlencode({key: value for key, value in given.items() if value is not None})
        return f"{PREFIX}{self.slug}" + (f"?{query}" if query else "")

    @property
    def notes(self) -> tuple[Message, ...]:
        """What must be said beside every number taken on this model."""
        config, whole = self.config, MODELS[self.slug].config
        notes = [say("model.random_weights")]
        if "n_routed_experts" in whole:
            notes.append(say("model.random_speed_moe"))
        else:
            notes.append(say("model.random_speed_dense"))
        notes.append(say("model.random_speed_values"))
        if self.scale == "tiny":
            notes.append(say("model.random_tiny", name=self.slug))
        else:
            if config["num_hidden_layers"] != whole["num_hidden_layers"].value:
                notes.append(
                    say(
                        "model.random_layers",
                        layers=config["num_hidden_layers"],
                        whole=whole["num_hidden_layers"].value,
                    )
                )
            notes.append(say("model.random_vocabulary", largest=min(config["vocab_size"], TINY_VOCABULARY) - 1))
        return tuple(notes)


def parse(name: str) -> RandomSpec:
    """The spec that `random:…` names. ModelError for an unknown slug (with the nearest), key or value."""
    slug, _, query = name.removeprefix(PREFIX).partition("?")
    slug = model(slug).slug
    try:
        given = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ModelError("model.bad_random", name=name, problem=f"{query!r} is not key=value&key=value") from None
    values = dict(given)
    if len(values) != len(given):
        raise ModelError("model.bad_random", name=name, problem="a key is given twice")
    if unknown := set(values) - {"layers", "scale", "seed"}:
        raise ModelError("model.bad_random", name=name, problem=f"unknown key {sorted(unknown)[0]!r}")
    if values.get("scale", "tiny") != "tiny":
        raise ModelError("model.bad_random", name=name, problem=f"scale={values['scale']!r} is not tiny")
    spec = RandomSpec(
        slug=slug,
        layers=_whole(name, "layers", values["layers"]) if "layers" in values else None,
        scale="tiny" if "scale" in values else None,
        seed=_whole(name, "seed", values.get("seed", "0")),
    )
    hf_config(spec.slug, spec.layers, spec.scale)  # refuses a layer count that cannot be
    return spec


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


def _whole(name: str, key: str, given: str) -> int:
    if not given.isdecimal():
        raise ModelError("model.bad_random", name=name, problem=f"{key}={given!r} is not a whole number")
    return int(given)
