"""Engine: owns the model. Loads it, changes the least a new config asks for, and reads back what is in force."""

import gc
import time
from contextlib import AbstractContextManager
from typing import Any

import torch

from workbench.catalog.sources import Source
from workbench.config import Config
from workbench.engine import attached, census, generation, live, memory, placing, quantizing, readback, scope, warm_up
from workbench.engine.decoder import Decoder
from workbench.engine.interrupt import between_layers
from workbench.engine.loading import Checkpoint, Way, choose_device
from workbench.engine.originals import twins
from workbench.engine.weights import Weights
from workbench.errors import ModelError, OutOfMemory, WorkbenchError
from workbench.knobs import Cost
from workbench.probes.context import Context
from workbench.probes.quality.twins import Twin
from workbench.probes.stops import Stops
from workbench.results import Applied, CompileReport, Completion, Drafts, ModelFacts, Resolved, Share, ThreadChoice
from workbench.words import Message, say

_OF_THE_LOAD = (
    "device",
    "quantization",
    "quantize_head",
    "skip_modules",
)  # knobs whose reasons hold until the next one


class Engine:
    """One model in one process. All methods must be called from the same thread: torch's thread count is per thread.

    threads  the measured choice behind threads="auto"; None when this machine was not measured
    replace  whether the process may be replaced when memory does not come back (False when it is a notebook's own)
    """

    def __init__(self, threads: ThreadChoice | None = None, *, replace: bool = False) -> None:
        self._threads = threads
        self._replace = replace
        self._checkpoint: Checkpoint | None = None
        self.originals: live.Originals | None = None
        self._flags = scope.ProcessFlags.now()
        self.decoder = Decoder()
        self._why: dict[str, Message] = {}
        self._base_bytes = 0
        self._facts: ModelFacts | None = None
        self._weights = Weights()
        self._found: attached.Found | None = None  # of a model that the person loaded
        self.model: Any = None
        self.tokenizer: Any = None
        self.device, self.config = torch.device("cpu"), Config()
        self.stops = Stops(None)

    @property
    def facts(self) -> ModelFacts:
        if self._facts is None:
            raise WorkbenchError("session.no_config")
        return self._facts

    @property
    def loaded(self) -> tuple[Share, ...]:
        """The census of the weights as they came, before the first forward pass; empty for an attached model."""
        return self._weights.loaded

    def open(self, source: Source, config: Config, context: Context) -> Applied:
        """Loads `source` for the first time. ModelError, CapabilityError, OutOfMemory or Stopped when it cannot be."""
        began = time.perf_counter()
        context.enter(say("phase.loading"), killable=True)
        live.set_threads(config.threads, self._threads)
        self.device, _ = choose_device(config.device)
        self._checkpoint = Checkpoint(source, context)
        self._checkpoint.import_class()
        self.tokenizer, self.originals = self._checkpoint.tokenizer(), None
        warm_up.libraries(self.device)
        way = self._checkpoint.way(config, self.device)
        memory.release(self.device)
        if self._replace:
            gc.freeze()  # what libraries hold stays; collecting after a model then takes milliseconds, not 0.2 s
        before = memory.held_bytes(self.device)
        self._base_bytes = memory.model_memory(self.device)
        self._load(config, context, way)
        return self._applied(Cost.RELOAD, began, before, None)

    def attach(self, model: Any, tokenizer: Any, context: Context) -> Applied:
        """Puts a model that the person already loaded on the bench, as it is. `close` leaves it as it was found.

        ModelError, CapabilityError, ConfigError when it cannot be; it is then left as it was.
        """
        began = time.perf_counter()
        attached.examine(model, tokenizer)
        config = attached.config_of(model, tokenizer)
        self._found = attached.Found(model, tokenizer)
        self.model, self.tokenizer, self.device, self.originals = model, tokenizer, model.device, None
        try:
            self._found.settle(context)
            self._settle(config, model.name_or_path or type(model).__name__, None, context)
        except AttributeError as error:  # a config or a cache of another kind than a decoder's
            self.close()
            raise ModelError("attach.unsupported", kind=type(model).__name__, problem=str(error)) from error
        except Exception:
            self.close()
            raise
        return self._applied(Cost.LIVE, began, memory.held_bytes(self.device), None)

    def apply(self, config: Config, context: Context, *, fresh: bool = False) -> Applied:
        """Goes from the config in force to `config` by the cheapest road; on any failure the old one is restored.

        fresh: the weights are loaded anew whatever the change, for comparisons whose sampling unit is the load.
        """
        began, before, old = time.perf_counter(), memory.held_bytes(self.device), self.config
        if self.model is None or fresh or old.cost_to(config) is not Cost.LIVE:
            residue = self._reload(config, context)
            return self._applied(Cost.RELOAD, began, before, residue)
        context.enter(say("phase.switching"))
        try:
            self._set_live(config, context)
        except Exception:
            self._set_live(old, Context(context.emit), fresh=True)
            raise
        return self._applied(Cost.LIVE, began, before, None)

    def switch(self, config: Config, context: Context, *, proven: bool = False) -> None:
        """Puts a live config in force and reports nothing. `proven`: without the one-token forward that proves it."""
        self._set_live(config, context, proven=proven)

    def generate(self, context: Context, prompts: list[Any], max_new_tokens: int, **options: Any) -> list[Completion]:
        """Completions; each token is emitted as a Chunk. Options: those of `engine.generation.generate`."""
        with self.refusals("phase.generating"):
            return generation.generate(self, context, prompts, max_new_tokens, **options)

    def produce(
        self, batch: dict[str, torch.Tensor], streamer: Any, new_tokens: int, *, fixed: bool = True, **options: Any
    ) -> Any:
        """New tokens for `batch` (input_ids [batch, time]) under everything in force; what `generate` returns.

        fixed: greedy, exactly `new_tokens` per row: end of sequence, stops and penalties off; else as the knobs say.
        A Recorder looks at one token a step: with one there is no speculation.
        ConfigError before the run when they do not fit into the cache, or rows would speculate; CapabilityError when no
        SDPA kernel can do it.
        """
        return self.decoder.produce(self, batch, streamer, new_tokens, fixed=fixed, **options)

    @property
    def cache_bytes(self) -> dict[str, int]:
        """device -> bytes of the KV cache at the end of the last call."""
        return self.decoder.seen.cache_bytes

    @property
    def drafts(self) -> Drafts | None:
        """What the last call that speculated drafted and kept; None where none did since the last change."""
        return self.decoder.seen.drafts

    def compile_report(self) -> CompileReport | None:
        return self.decoder.loops.report()

    def in_force(self) -> AbstractContextManager[None]:
        return scope.in_force(self.config, self.device)

    def masked(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`batch` with its mask as the knob says."""
        return scope.masked(batch, self.config.attention_mask)

    def inputs(self, prompts: list[str], *, chat: bool = False) -> dict[str, torch.Tensor]:
        """Token ids and mask of texts, [batch, time], on the device, padded as the config says.

        chat: each is one user turn where there is a chat template.
        """
        return generation.encode(self.tokenizer, list(prompts), self.device, chat=chat)

    def interruptible(self, context: Context) -> AbstractContextManager[Any]:
        """Within it Stop is noticed between two layers; yields the guard to lift after prefill."""
        return between_layers(self.model, context)

    def resolved(self) -> Resolved:
        drafter = self.decoder.assistant
        return readback.resolved(
            self.model,
            self.tokenizer,
            self.config,
            self.decoder.seen,
            self._weights,
            self._why,
            self.stops.in_force,
            (drafter.name, drafter.bytes),
            self.held_by_rank(),
        )

    def held_by_rank(self) -> dict[str, int] | None:
        """Bytes of weights by rank and device, where the model is cut over several; else None."""
        return None

    def twins(self) -> tuple[Twin, ...]:
        """The quantised layers, each with its weights in full (`engine.originals`)."""
        return twins(self._checkpoint, self.model, self.config)

    def probe(self, run: Any, params: dict[str, Any], context: Context) -> Any:
        """Runs one probe on this bench."""
        with self.refusals("phase.measuring"):
            return run(self, params, context)

    def close(self) -> None:
        """Drops the model and gives its memory back; one that was attached is left as it was found."""
        if self._found is not None:
            self._found.restore()
            self._found = None
        self.decoder.clear()
        self.model = None
        self._flags.put()
        memory.release(self.device)

    def _reload(self, config: Config, context: Context) -> int:
        assert self._checkpoint is not None, "an attached model has no checkpoint; the session refuses reloads"
        context.enter(say("phase.loading"), killable=True)
        old, before = self.config, memory.model_memory(self.device)
        # What cannot be is refused here, while the old model is resident.
        way = self._checkpoint.way(config, choose_device(config.device)[0])
        self._base_bytes += max(memory.model_memory(self.device) - before, 0)  # a library that came in for it
        model_bytes = self.resolved().weight_bytes if self.model is not None else 0
        residue = self._drop()
        if self._replace:
            memory.refuse_residue(residue, model_bytes)
        try:
            self._load(config, context, way)
        except Exception as error:
            self._drop()
            try:
                self._load(old, Context(context.emit), self._checkpoint.way(old, choose_device(old.device)[0]))
            except OutOfMemory as refused:
                raise OutOfMemory("model.not_back", **refused.params) from error
            raise
        return residue

    def _drop(self) -> int:
        """Lets the model go; returns the bytes that stayed above what was held before the first load."""
        self.decoder.clear()
        self.model = None
        memory.release(self.device)
        return max(memory.model_memory(self.device) - self._base_bytes, 0)

    def _load(self, config: Config, context: Context, way: Way) -> None:
        assert self._checkpoint is not None, "open() comes first"
        self.device, why_device = choose_device(config.device)
        with self.refusals("phase.loading", config):
            self.model = self._checkpoint.model(config, self.device, way)
            if config.device_map != "none":
                self.device = placing.main_device(self.model, self.device)
            self._came()
            loaded = census.count(self.model)
            self._settle(config, self._checkpoint.source.label, self._checkpoint.source.revision, context, loaded)
        self._why |= way.whys(config, self.device, self.model.dtype) | ({"device": why_device} if why_device else {})

    def _came(self) -> None:
        """The model was loaded, and nothing has run on it."""

    def _settle(
        self, config: Config, name: str, revision: str | None, context: Context, loaded: tuple[Share, ...] = ()
    ) -> None:
        self.originals = live.Originals.of(self.model, self.tokenizer, self.originals)
        self._why = {}
        self._set_live(config, context, fresh=True)
        self._weights = Weights.of(self.model, loaded)
        memory.release(self.device)  # what reading, casting and quantising needed for a moment
        self._facts = readback.facts(
            self.model,
            name,
            revision,
            weights=self._weights,
            kv_bytes_per_token=self.decoder.kv_bytes,
            **(self._checkpoint.facts if self._checkpoint else {}),
        )

    def _set_live(self, config: Config, context: Context, *, fresh: bool = False, proven: bool = False) -> None:
        assert self.originals is not None, "a model is resident"
        changed = set(config) if fresh else set(self.config.diff(config))
        self.decoder.remember(None if fresh else self.config)
        if "attention" in changed and self.model.config._attn_implementation != config.attention:
            live.set_attention(self.model, config.attention)
        # made before anything changes: a string that cannot come is refused
        stops = Stops.of(self.tokenizer, config) if changed & {"stop_strings", "stop_at_sentence"} else self.stops
        why = live.align(self.model, self.tokenizer, self.originals, config)
        self.decoder.assistant.settle(config, self.model, self.tokenizer, context)
        if "bnb_threshold" in changed:
            quantizing.set_live(self.model, config)
        why_threads = live.set_threads(config.threads, self._threads)
        scope.ProcessFlags.of(config).put()
        if changed & live.PROVED and not proven:
            with self.refusals("phase.switching", config), between_layers(self.model, context):
                self.decoder.prove(self.model, self.tokenizer, config, context, changed)
        elif changed & live.PROVED:
            self.decoder.recall(config)
        kept = {name: said for name, said in self._why.items() if name in _OF_THE_LOAD}
        self._why = kept | why | ({"threads": why_threads} if why_threads else {})
        self.stops, self.config = stops, config

    def refusals(self, doing: str, config: Config | None = None) -> AbstractContextManager[None]:
        """Within it refused memory is told with what was asked: the work, `config` (default: in force), the model."""
        self.decoder.asked = {}
        wanted, described = config or self.config, self._checkpoint.described if self._checkpoint else {}
        return memory.refusals_told(
            self.device, say(doing), lambda: memory.asked(self.model, wanted, self.decoder.asked, described)
        )

    def _applied(self, cost: Cost, began: float, before: int, residue: int | None) -> Applied:
        return Applied(
            cost=cost.value,
            reloaded=cost is not Cost.LIVE,
            resolved=self.resolved(),
            memory_before=before,
            memory_after=memory.held_bytes(self.device),
            residue_bytes=residue,
            seconds=time.perf_counter() - began,
        )
