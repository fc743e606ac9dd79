"""Weights and tokenizer from a source, in the precision and on the device that a config asks for."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from workbench.catalog.sources import Source
from workbench.config import Config
from workbench.engine.demo import ensure_demo
from workbench.engine.random_model import build, parse, tokenizer_of
from workbench.probes.tokenizer_check import check_round_trip
from workbench.errors import ModelError, WorkbenchError
from workbench.probes.context import Context
from workbench.words import Message, say

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# what transformers, tokenizers and the hub client raise while they load
_RAISED = (OSError, ValueError, RuntimeError, KeyError, ImportError, AttributeError, SafetensorError)


def choose_device(asked: str) -> tuple[torch.device, Message | None]:
    """The device for `asked`, and the reason when it was chosen here."""
    if asked == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0"), say("session.auto_gpu")
        return torch.device("cpu"), say("session.auto_cpu")
    return torch.device("cuda:0" if asked == "cuda" else asked), None


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
            if config.dtype is not None:
                self.dtype = str(config.dtype).removeprefix("torch.")
            if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
                raise ModelError(
                    "model.not_causal", name=self.source.label, architecture=config.model_type or type(config).__name__
                )

    def model(self, config: Config, device: torch.device) -> Any:
        """The model in `config`'s dtype and attention, on `device`, in evaluation mode."""
        if self.random is not None:
            dtype = DTYPES.get(config.dtype, torch.bfloat16)
            return build(self.random, dtype, device, config.attention, self.tokenizer())[0]
        arguments: dict[str, Any] = {
            "dtype": DTYPES.get(config.dtype, "auto"),
            "attn_implementation": config.attention,
            "trust_remote_code": False,
            **self._where(),
        }
        if self.source.gguf_file:
            arguments["quantization_config"] = GgufConfig(dequantize=True)
        else:
            arguments["use_safetensors"] = True
        if device.type == "cuda":
            arguments["device_map"] = {"": device}
        with translated(self.source):
            model, found = AutoModelForCausalLM.from_pretrained(
                self.source.location, output_loading_info=True, **arguments
            )
        if found["missing_keys"]:  # transformers fills these with random numbers and only warns
            missing = sorted(found["missing_keys"])
            del model  # or the error's traceback would hold it
            raise ModelError("model.missing_tensors", name=self.source.label, count=len(missing), tensor=missing[0])
        return model.eval()

    def _where(self, *, weights: bool = True) -> dict[str, Any]:
        where: dict[str, Any] = {}
        if self.source.revision:
            where["revision"] = self.source.revision
        if self.source.path:
            where["local_files_only"] = True
        if self.source.gguf_file and weights:
            where["gguf_file"] = self.source.gguf_file
        return where


class translated:  # noqa: N801  # reads as a word in `with translated(source):`
    """Turns what transformers and the hub client raise while loading into a ModelError that says what to do."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: Any) -> None:
        if error is None or isinstance(error, WorkbenchError | MemoryError | torch.OutOfMemoryError):
            return
        if not isinstance(error, _RAISED):
            return
        text = f"{error}"
        name = self._source.label
        last_line = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), type(error).__name__)
        if "trust_remote_code" in text or "custom code" in text:
            raise ModelError("model.remote_code", name=name) from error
        if "model type" in text and "does not recognize" in text:
            raise ModelError("model.unknown_architecture", name=name, architecture=self._model_type()) from error
        if "safetensors" in text and ("does not appear to have" in text or "no file named" in text):
            raise ModelError(
                "model.pickle_only", name=name, file="pytorch_model.bin", path=self._source.location
            ) from error
        if isinstance(error, SafetensorError) or "SafetensorError" in text or "incomplete metadata" in text:
            raise ModelError("model.damaged_weights", name=name, problem=last_line) from error
        if self._source.kind == "hub" and self._source.path is None and isinstance(error, OSError):
            raise ModelError("model.hub_unreachable", name=name, problem=last_line) from error
        raise ModelError("model.load_failed", name=name, problem=f"{type(error).__name__}: {last_line}") from error

    def _model_type(self) -> str:
        try:
            config = Path(self._source.location) / "config.json"
            return str(json.loads(config.read_text(encoding="utf-8")).get("model_type", "unknown"))
        except (OSError, ValueError):
            return "unknown"
