"""The export targets, as data: what each is written by, and what it needs to know."""

from dataclasses import dataclass
from importlib import import_module

from workbench.export.request import Request


@dataclass(frozen=True)
class Target:
    """One target.

    module        of `workbench.export`, imported when it is used; its `files(request)` gives name -> content, the main
                  file first
    needs_source  it names the model's files: a model without a name, or with random weights, cannot be exported to it
    serves        it is for a server, on GPUs that may be named; what the bench measured is no forecast of it
    """

    module: str
    needs_source: bool = True
    serves: bool = False

    def files(self, request: Request) -> dict[str, str]:
        """The files of `request`. ModelError, CapabilityError, ConfigError where this target cannot have it."""
        made: dict[str, str] = import_module(f"workbench.export.{self.module}").files(request)
        return made


TARGETS: dict[str, Target] = {
    "transformers": Target("transformers"),
    "json": Target("config_json", needs_source=False),
    "vllm": Target("serving.vllm", serves=True),
    "sglang": Target("serving.sglang", serves=True),
    "tgi": Target("serving.tgi", serves=True),
    "tensorrt-llm": Target("serving.tensorrt_llm", serves=True),
    "triton": Target("serving.triton", serves=True),
    "llama.cpp": Target("serving.llama_cpp", serves=True),
    "ollama": Target("serving.ollama", serves=True),
}
