"""What libraries raise while they load a model, as errors that say what to do."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from workbench.catalog.sources import Source
from workbench.errors import ModelError, WorkbenchError
from workbench.probes.failures import refuses_memory

# what transformers, tokenizers, the hub client and the quantisers raise while they load
_RAISED = (
    AssertionError,
    AttributeError,
    ImportError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
)
_REPORT = "LOAD REPORT"
# the last line of a traceback inside transformers' report
_CAUSE = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*(?:Error|Exception)): (?P<said>.*)$", re.MULTILINE)


class Reports(logging.Filter):
    """Holds back transformers' reports on a load. They go to the log when it succeeds; when it fails they are read."""

    def __init__(self) -> None:
        super().__init__()
        self._logger = logging.getLogger("transformers.modeling_utils")
        self._held: list[logging.LogRecord] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if _REPORT not in record.getMessage():
            return True
        self._held.append(record)
        return False

    def __enter__(self) -> "Reports":
        self._logger.addFilter(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_others: Any) -> None:
        self._logger.removeFilter(self)
        if kind is None:
            for record in self._held:
                self._logger.handle(record)

    def cause(self) -> tuple[str, str] | None:
        """(kind of error, what it said) of the last failure in the reports."""
        found = [match for record in self._held for match in _CAUSE.finditer(record.getMessage())]
        return (found[-1]["kind"].rpartition(".")[2], found[-1]["said"].strip()) if found else None


class translated:  # noqa: N801  # reads as a word in `with translated(source):`
    """Turns what transformers and the hub client raise while loading into a ModelError that says what to do."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reports = Reports()

    def __enter__(self) -> None:
        self._reports.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: Any) -> None:
        self._reports.__exit__(kind)
        if error is None or isinstance(error, WorkbenchError) or refuses_memory(error):
            return
        if not isinstance(error, _RAISED):
            return
        text = f"{error}"
        name = self._source.label
        last_line = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), type(error).__name__)
        if cause := self._reports.cause():  # transformers itself only says that there is a report
            told = RuntimeError(cause[1])
            if cause[0] in ("OutOfMemoryError", "MemoryError") or refuses_memory(told):
                raise torch.OutOfMemoryError(cause[1]) from error
            raise ModelError("model.load_failed", name=name, problem=": ".join(cause)) from error
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
