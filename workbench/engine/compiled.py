"""Compiled decode loops, one for each way the model is run: kept while they are used, counted, and dropped."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException
from torch._dynamo.utils import counters
from torch._inductor.codecache import PyCodeCache

from workbench.cache_room import loop_cache_tokens
from workbench.engine import memory
from workbench.engine.static_loop import RECOMPILES, StaticLoop, compiled
from workbench.errors import CapabilityError
from workbench.probes.failures import refuses_memory
from workbench.results import COMPILED_LOOP, NO_LOOP_YET, TRANSFORMERS_LOOP, CompileReport
from workbench.words import say

KEPT = 3  # loops; each may hold a second copy of the weights
# what a compiled step is bound to, beside the shapes: torch recompiles when one of them changes
_BOUND_TO = ("compile", "freezing", "attention", "sdpa_backend", "autocast", "tf32")


def freezes(config: Mapping[str, Any], device: torch.device) -> bool:
    """Whether the weights are folded into the code: "auto" does it on a CPU, where it is what makes compiling pay."""
    return bool(config["freezing"] == "on" or (config["freezing"] == "auto" and device.type == "cpu"))


class Loops:
    """The compiled loops of one resident model; `clear` when it goes. `backend` of torch.compile."""

    def __init__(self, backend: Any = "inductor") -> None:
        self._backend = backend
        self._kept: OrderedDict[tuple[Any, ...], Counted] = OrderedDict()
        self._last: Counted | None = None

    def options(
        self, config: Mapping[str, Any], model: Any, batch_size: int, tokens: int, streamer: Any = None
    ) -> dict[str, Any]:
        """Keyword arguments that make `model.generate` decode with the loop for these settings.

        tokens    prompt and answer of a row together
        streamer  the one given to `generate`, which does not hand it on; its `.context` is told while compiling

        The loop is made when it is first needed, and compiles in its first step.
        """
        length = loop_cache_tokens(config, tokens)
        key = (id(model), batch_size, length, torch.get_num_threads(), *(config[knob] for knob in _BOUND_TO))
        loop = self._kept.pop(key, None)
        if loop is None:
            while len(self._kept) >= KEPT:
                self._drop(self._kept.popitem(last=False)[1])
            frozen = freezes(config, model.device)
            loop = Counted(model, batch_size, length, config["compile"], frozen, self._backend)
        self._kept[key] = self._last = loop
        return loop.serve(streamer)

    @property
    def latest(self) -> "Counted | None":
        """The loop that `options` was last asked for."""
        return self._last

    def ran(self, config: Mapping[str, Any]) -> str:
        """The loop that decoded in the call that just ended."""
        if config["compile"] == "off":
            return TRANSFORMERS_LOOP
        return COMPILED_LOOP if self._last and self._last.stepped else NO_LOOP_YET

    def report(self) -> CompileReport | None:
        """Of the loop that ran last; None before the first."""
        return self._last.report() if self._last else None

    def clear(self) -> None:
        """Drops every loop and gives back what it held."""
        # Parts of a broken step hang on the library's own functions, CUDA graphs on a pool: both outlive their loop.
        lasting = any(loop.graph_breaks or loop.model.device.type == "cuda" for loop in self._kept.values())
        while self._kept:
            self._drop(self._kept.popitem()[1])
        if lasting:
            torch.compiler.reset()

    def _drop(self, loop: "Counted") -> None:
        if loop is self._last:
            self._last = None
        device = loop.model.device
        loop.forget()
        memory.release(device)


class Counted(StaticLoop):
    """A loop that counts what it compiles, says so while it does, and turns failures into words."""

    def __init__(self, model: Any, batch_size: int, cache_length: int, mode: str, freezing: bool, backend: Any) -> None:
        super().__init__(model, batch_size, cache_length, mode, freezing, backend)
        self.mode = mode
        self.recording = model.device.type == "cuda" and torch._inductor.list_mode_options(mode).get(
            "triton.cudagraphs", False
        )
        self.graph_skips: int | None = None
        self.graphs = self.graph_breaks = self.recompiles = self.runs = self.held_bytes = 0
        self.compile_s = self.last_run_s = 0.0
        self._modules: list[Any] = []
        self._context: Any = None
        self.stepped = False

    def serve(self, streamer: Any) -> dict[str, Any]:
        """Arguments for the next run."""
        self.runs += 1
        self.last_run_s = 0.0
        self._context = getattr(streamer, "context", None)
        return self.arguments(streamer)

    def decode(self, tokens: torch.Tensor, index: int) -> torch.Tensor:
        """One step; the first compiles it. CapabilityError when that fails or never ends."""
        if self.stepped:
            (graphs, _), began = compiled(), time.perf_counter()
            logits = self._attempt(tokens, index)
            if made := compiled()[0] - graphs:
                self.recompiles += made
                self._count(time.perf_counter() - began)
            return logits
        (graphs, breaks), skips = compiled(), _skips()
        before, modules = memory.held_bytes(self.model.device), len(PyCodeCache.modules)
        doing = self._context.doing if self._context else None
        if self._context:
            self._context.enter(say("phase.compiling"), killable=True)
        began = time.perf_counter()
        logits = self._attempt(tokens, index)
        self._count(time.perf_counter() - began)
        self.stepped = True
        self._modules = PyCodeCache.modules[modules:]
        self.graphs, self.graph_breaks = (now - then for now, then in zip(compiled(), (graphs, breaks), strict=True))
        self.graph_skips = _skips() - skips if self.recording else None
        self.held_bytes = max(memory.held_bytes(self.model.device) - before, 0)
        if doing:
            self._context.enter(doing)
        return logits

    def report(self) -> CompileReport:
        return CompileReport(
            mode=self.mode,
            freezing=self.freezing,
            batch_size=self.batch_size,
            cache_tokens=self.cache_length,
            graphs=self.graphs,
            graph_breaks=self.graph_breaks,
            graph_skips=self.graph_skips,
            recompiles=self.recompiles,
            compile_s=self.compile_s,
            last_run_s=self.last_run_s,
            runs=self.runs,
            held_bytes=self.held_bytes,
        )

    def forget(self) -> None:
        """Lets go of model, cache, compiled code and frozen weights, whoever else still holds this loop."""
        for module in self._modules:  # generated code, which Inductor keeps for ever, with its weights in it
            for name, value in list(vars(module).items()):
                if isinstance(value, torch.Tensor):
                    delattr(module, name)
        vars(self).clear()

    def _count(self, seconds: float) -> None:
        self.compile_s += seconds
        self.last_run_s += seconds

    def _attempt(self, tokens: torch.Tensor, index: int) -> torch.Tensor:
        try:
            logits: torch.Tensor = super().decode(tokens, index)
        except FailOnRecompileLimitHit as error:
            raise CapabilityError("compile.never_ends", limit=RECOMPILES, problem=_last_line(error)) from error
        except TorchDynamoException as error:
            inner = getattr(error, "inner_exception", None)
            if inner is not None and refuses_memory(inner):
                raise inner from error
            raise CapabilityError("compile.failed", mode=self.mode, problem=_last_line(inner or error)) from error
        return logits


def _skips() -> int:
    """Graphs that Inductor did not record as CUDA graphs although it was to, in this process."""
    return int(counters["inductor"]["cudagraph_skips"])


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
