"""Weights and tokenizer from a source, in the precision and on the device that a config asks for."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from workbench.catalog.quantized import Stated, stated
from workbench.catalog.random_names import parse
from workbench.catalog.sources import Source
from workbench.config import Config
from workbench.engine import memory, offloading, placing, sharding
from workbench.engine.demo import ensure_demo
from workbench.engine.load_errors import translated
from workbench.engine.quantizing import Plan
from workbench.engine.quantizing.checkpoint import Files
from workbench.engine.quantizing.outline import Outline
from workbench.engine.random_model import build, describe, tokenizer_of
from workbench.errors import ModelError
from workbench.probes import ranges
from workbench.probes.context import Context
from workbench.probes.tokenizer_check import check_round_trip
from workbench.words import Message, say

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(asked: str) -> tuple[torch.device, Message | None]:
    """The device for `asked`, and the reason when it was chosen here."""
    own = f"cuda:{sharding.local_rank()}"
    if asked == "auto":
        if torch.cuda.is_available():
            return torch.device(own), say("session.auto_gpu")
        return torch.device("cpu"), say("session.auto_cpu")
    return torch.device(own if asked == "cuda" else asked), None


@dataclass(frozen=True)
class Way:
    """How a config's weights will be had. `files`: which are read; `plan`: how they are quantised then, if they are."""

    files: Files
    plan: Plan | None

    def whys(self, config: Config, device: torch.device, dtype: torch.dtype) -> dict[str, Message]:
        """Why the weights, now of `dtype`, are not all as was asked, by knob."""
        found = dict(self.plan.why) if self.plan else {}
        if why := self.files.why(config, device, dtype):
            found["quantization"] = why
        return found


class Checkpoint:
    """One model's files, ready to be loaded again and again in different precisions."""

    def __init__(self, source: Source, context: Context) -> None:
        if source.kind == "pickle":  # `hub.prepare` converts it or refuses it; one that came by is not opened
            raise ModelError("model.pickle_only", name=source.name, file="pytorch_model.bin", path=source.location)
        if source.kind == "demo":
            source = source.model_copy(update={"path": ensure_demo(context.progress)})
        self.source = source
        self.random = parse(source.name) if source.kind == "random" else None
        self.dtype: str | None = "bfloat16" if self.random else None  # the checkpoint's own, where it names one
        self._rows: int | None = self.random.config["vocab_size"] if self.random else None  # of the embedding
        self._tokenizer: Any = None
        self._outline: Outline | None = None
        self.stated: Stated | None = None  # what the files are quantised to
        # transformers' config; of a file that holds it inside, none until it is loaded
        self.described: dict[str, Any] = dict(self.random.config) if self.random else {}

    @property
    def facts(self) -> dict[str, Any]:
        """What the files say of themselves, for `readback.facts`."""
        return {
            "checkpoint_dtype": self.dtype,
            "checkpoint_quantization": self.stated.word if self.stated else None,
            "random_weights": self.random is not None,
            "notes": self.random.notes if self.random else (),
        }

    def tokenizer(self) -> Any:
        """The model's own tokenizer (random models borrow the demo's); loaded and checked once."""
        if self._tokenizer is None:
            with translated(self.source):
                if self.random is not None:
                    tokenizer = tokenizer_of(self.random)
                else:
                    tokenizer = AutoTokenizer.from_pretrained(
                        self.source.location, trust_remote_code=False, **self._where()
                    )
            check_round_trip(tokenizer, self.source.label, self._rows)
            self._tokenizer = tokenizer
        return self._tokenizer

    def import_class(self) -> None:
        """Imports the model's module ahead of its weights, so that memory before and after a load can be compared."""
        if self.random is None and self.source.gguf_file is None:
            with translated(self.source):
                config = AutoConfig.from_pretrained(
                    self.source.location, trust_remote_code=False, **self._where(weights=False)
                )
            self._rows = getattr(config.get_text_config(), "vocab_size", None)
            self.described = config.to_dict()
            self.stated = stated(self.described)
            if config.dtype is not None:
                self.dtype = str(config.dtype).removeprefix("torch.")
            if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
                raise ModelError(
                    "model.not_causal", name=self.source.label, architecture=config.model_type or type(config).__name__
                )

    def way(self, config: Config, device: torch.device) -> Way:
        """How the weights will be had for `config`. Nothing is loaded for it.

        CapabilityError, ConfigError or ModelError when they cannot be.
        """
        files = Files.of(self.source, config, self.stated, device)
        sharding.refuse(self.described, config, gguf=self.source.gguf_file is not None)
        if config.device_map != "none" and config.quantization in ("none", "auto") and self.source.gguf_file is None:
            with translated(self.source):
                placing.inferred(self._without_weights(DTYPES.get(config.dtype)), config)
        dtype = DTYPES.get(config.dtype) or DTYPES.get(self.dtype or "")
        return Way(files, None if files.stated else Plan.of(config, self._outlined, device, dtype))

    def model(self, config: Config, device: torch.device, way: Way) -> Any:
        """The model in `config`'s dtype and attention, on `device`, in evaluation mode, quantised as `way` says."""
        plan = way.plan
        with ranges.span(ranges.LOAD), translated(self.source):
            if plan is None:
                return self._read(config, device, way.files)
            # transformers unpacks a GGUF file by way of a quantiser of its own, and takes only one
            if plan.arguments and self.random is None and self.source.gguf_file is None:
                made = self._read(config, device, way.files, **plan.arguments)
                memory.leave_files(made)
            else:
                made = plan.quantized(lambda: self._read(config, device, way.files))
            return plan.finish(made)

    def _read(self, config: Config, device: torch.device, files: Files, **more: Any) -> Any:
        """The model made of its files, or of random numbers. `more`: arguments of `from_pretrained`."""
        if self.random is not None:
            dtype = DTYPES.get(config.dtype, torch.bfloat16)
            # layers that wait in memory must be made there: what is on the device would stay on it
            whole = not config.offloaded_layers and config.device_map == "none" and config.tp_plan == "none"
            made = build(
                self.random, dtype, device if whole else torch.device("cpu"), config.attention, self.tokenizer()
            )[0]
            if config.tp_plan != "none":
                return sharding.cut(made, config, device)
            if config.device_map != "none":
                return placing.dispatched(made, config)
            return offloading.dispatched(made, config.offloaded_layers, device) if config.offloaded_layers else made
        arguments: dict[str, Any] = {
            "dtype": DTYPES.get(config.dtype, "auto"),
            "attn_implementation": config.attention,
            "trust_remote_code": False,
            **self._where(),
            **files.arguments(config),
        }
        if self.source.gguf_file:
            arguments["quantization_config"] = GgufConfig(dequantize=True)
        else:
            arguments["use_safetensors"] = True
        if config.tp_plan != "none":
            arguments |= sharding.arguments(config)
        elif device.type == "cuda":
            arguments["device_map"] = {"": device}
        found: dict[str, Any] = {}

        def read(**placed: Any) -> Any:
            made, said = AutoModelForCausalLM.from_pretrained(
                files.location, output_loading_info=True, **arguments | more | placed
            )
            found.update(said)
            return made

        with files.loading():
            if config.device_map != "none":
                model = placing.loaded(read, config)
            elif config.offloaded_layers:
                model = offloading.loaded(read, self._without_weights(), config.offloaded_layers, device)
            else:
                model = read()
        if found["missing_keys"]:  # transformers fills these with random numbers and only warns
            missing = sorted(found["missing_keys"])
            del model  # or the error's traceback would hold it
            raise ModelError("model.missing_tensors", name=self.source.label, count=len(missing), tensor=missing[0])
        files.settle(model, DTYPES.get(config.dtype))
        if self._outline is None and not more and files.stated is None:
            self._outline = Outline.of(model)  # the header of a GGUF file takes seconds to read again
        return model.eval()

    def _without_weights(self, dtype: torch.dtype | None = None) -> Any:
        """The model's modules, for their names and sizes. dtype None: the files' own."""
        if self.random is not None:
            description, dtype = describe(self.random), dtype or torch.bfloat16
        else:
            description = AutoConfig.from_pretrained(self.source.location, trust_remote_code=False, **self._where())
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(description, trust_remote_code=False, dtype=dtype)

    def _outlined(self) -> Outline:
        if self._outline is None:
            with translated(self.source):
                if self.random is not None:
                    description = describe(self.random)
                else:
                    description = AutoConfig.from_pretrained(
                        self.source.location, trust_remote_code=False, **self._where()
                    )
                self._outline = Outline.of_config(description)
        return self._outline

    def _where(self, *, weights: bool = True) -> dict[str, Any]:
        where: dict[str, Any] = {}
        if self.source.revision:
            where["revision"] = self.source.revision
        if self.source.path:
            where["local_files_only"] = True
        if self.source.gguf_file and weights:
            where["gguf_file"] = self.source.gguf_file
        return where
