"""A model that the person loaded: whether it can be measured as it is, and leaving it as it was found."""

import threading
from copy import deepcopy
from typing import Any
from weakref import WeakSet

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from workbench.config import Config
from workbench.engine import quantizing
from workbench.engine.census import kept_as
from workbench.engine.quantizing import bnb
from workbench.errors import CapabilityError, ModelError
from workbench.knobs import KNOBS
from workbench.knobs.formats import FORMATS
from workbench.knobs.generation import PENALTIES, SAMPLING
from workbench.probes.context import Context
from workbench.probes.tokenizer_check import check_round_trip
from workbench.words import say

_DTYPES = ("float32", "bfloat16", "float16")
# ways to decode other than one token of one answer at a time: no knob stands for them, the bench goes without
_PLAIN = {
    "num_beams": 1,
    "num_return_sequences": 1,
    "prompt_lookup_num_tokens": None,
    "max_time": None,
}
_on_a_bench: WeakSet[Any] = WeakSet()


def examine(model: Any, tokenizer: Any) -> None:
    """ModelError or CapabilityError when `model` and `tokenizer` cannot be put on the bench; changes nothing."""
    kind = type(model).__name__
    if hasattr(model, "_orig_mod"):  # what torch.compile(model) returns
        raise CapabilityError("attach.compiled", kind=kind)
    if not isinstance(model, PreTrainedModel):
        inside = next((name for name in ("module", "base_model") if hasattr(model, name)), None)
        if inside is not None:
            raise ModelError("attach.wrapped", kind=kind, inside=inside)
        raise ModelError("attach.not_a_model", kind=kind)
    if not model.can_generate() or model.config.is_encoder_decoder:
        raise ModelError("model.not_causal", name=model.name_or_path or kind, architecture=kind)
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise ModelError("attach.not_a_tokenizer", kind=type(tokenizer).__name__)
    elsewhere = [name for name, parameter in model.named_parameters() if parameter.device.type == "meta"]
    if elsewhere:
        raise ModelError("attach.no_weights", count=len(elsewhere), tensor=elsewhere[0])
    if model.device.type not in ("cpu", "cuda"):
        raise CapabilityError("attach.device", device=str(model.device))
    attention = model.config._attn_implementation
    knob = KNOBS["attention"]
    try:
        knob.kind.check(attention)
    except ValueError as error:
        raise CapabilityError(
            "attach.attention", attention=attention, known=knob.kind.allowed, first=knob.default
        ) from error
    if model in _on_a_bench:
        raise CapabilityError("attach.twice", kind=kind)
    check_round_trip(tokenizer, model.name_or_path or kind, model.get_input_embeddings().weight.shape[0])


def config_of(model: Any, tokenizer: Any) -> Config:
    """The knob values that `model` has as it was loaded. ConfigError when one is beyond what a knob can say."""
    dtype = str(model.dtype).removeprefix("torch.")
    generation = model.generation_config or GenerationConfig()
    names = (*PENALTIES, "stop_strings", *(SAMPLING if generation.do_sample else ()))
    decoding = {name: getattr(generation, name, None) for name in names}
    word, _ = kept_as(model)
    quantized = {"quantization": word, **quantizing.settings(model, word)[0]} if word in FORMATS else {}
    return Config(
        attention=model.config._attn_implementation,
        dtype=dtype if dtype in _DTYPES else "auto",
        device=str(model.device).replace("cuda:0", "cuda"),
        threads=torch.get_num_threads(),
        padding_side=tokenizer.padding_side,
        tf32=torch.get_float32_matmul_precision() != "highest",
        cudnn_benchmark=torch.backends.cudnn.benchmark,
        do_sample=bool(generation.do_sample),
        **{name: value for name, value in decoding.items() if value is not None},
        **quantized,
    )


class Found:
    """The state in which a model and its tokenizer were found, and the way back to it."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._attention = model.config._attn_implementation
        self._generation = model.generation_config
        self._training = [module for module in model.modules() if module.training]
        self._attributes = set(vars(model))
        self._thresholds = bnb.thresholds(model)
        self._pad = tokenizer.pad_token
        self._side = tokenizer.padding_side
        self._threads = torch.get_num_threads()
        _on_a_bench.add(model)

    def settle(self, context: Context) -> None:
        """Evaluation mode, and a generation config of the bench's own that decodes plainly."""
        model = self._model
        if self._training:
            context.emit("note", say("attach.was_training"))
            model.eval()
        plain = GenerationConfig.from_model_config(model.config) if self._generation is None else self._generation
        given = {name: getattr(plain, name, None) for name in _PLAIN}
        changed = [name for name, value in _PLAIN.items() if given[name] not in (None, value)]
        if changed:
            context.emit("note", say("attach.plain_decoding", settings=", ".join(changed)))
        model.generation_config = deepcopy(plain)
        for name, value in _PLAIN.items():
            setattr(model.generation_config, name, value)

    def restore(self) -> None:
        """Everything as it was found. Harmless when it is already."""
        model = self._model
        if model.config._attn_implementation != self._attention:
            model.set_attn_implementation(self._attention)
        model.generation_config = self._generation
        for state, threshold in self._thresholds:
            state.threshold = threshold
        for module in self._training:
            module.training = True
        for name in set(vars(model)) - self._attributes:
            if name.startswith("_"):  # what generate keeps for its next call; a name of the person's own stays
                delattr(model, name)
        if self._tokenizer.pad_token != self._pad:
            self._tokenizer.pad_token = self._pad
        self._tokenizer.padding_side = self._side
        # the count that new threads begin with; the caller's own was never touched
        setter = threading.Thread(target=torch.set_num_threads, args=(self._threads,))
        setter.start()
        setter.join()
        _on_a_bench.discard(model)
