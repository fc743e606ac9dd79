"""Decoder: calls of `generate` under a config, and what they showed: loop, cache, drafts."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch

from workbench.config import Config
from workbench.engine import compiled, drafting, live, readback, scope
from workbench.engine.cache_bytes import cache_bytes
from workbench.errors import ConfigError
from workbench.knobs.generation import PLAIN, generation_arguments
from workbench.probes import ranges
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.forced import Recorder


class Decoder:
    """Of one engine, for one model after the other.

    loops      compiled ones
    assistant  the model that drafts
    seen       what the last call under the config in force showed
    kv_bytes   of the cache, for one token of one row; 0: not counted yet
    asked      what a call that failed was to do: rows, prompt_tokens, new_tokens; empty where none did
    """

    def __init__(self) -> None:
        self.loops = compiled.Loops()
        self.assistant = drafting.Assistant()
        self.seen = readback.Seen()
        self.kv_bytes = 0
        self.asked: dict[str, int] = {}
        self._seen_with: dict[Config, readback.Seen] = {}

    def produce(
        self, bench: Bench, batch: dict[str, torch.Tensor], streamer: Any, new_tokens: int, fixed: bool, **options: Any
    ) -> Any:
        """`Engine.produce` on `bench`."""
        config = bench.config.replace(**PLAIN) if fixed else bench.config
        rows, prompt_tokens = batch["input_ids"].shape
        live.check_cache_length(config, prompt_tokens + new_tokens)
        self.asked = {"rows": rows, "prompt_tokens": prompt_tokens, "new_tokens": new_tokens}
        led = any(isinstance(each, Recorder) for each in options.get("logits_processor", ()))
        speculates = config.speculation != "off" and not led
        if not speculates:
            config = config.replace(speculation="off")
        elif rows > 1:
            raise ConfigError("probe.speculation_rows", rows=rows)
        arguments = generation_arguments(config)
        if config.speculation == "assistant":
            arguments |= self.assistant.arguments(bench.tokenizer)
        if "past_key_values" in options:  # it is the cache: transformers takes no second word for one
            arguments.pop("cache_implementation")
        if fixed:
            arguments |= {"min_new_tokens": new_tokens, "eos_token_id": None}
        else:
            options = {"stopping_criteria": bench.stops.criteria(prompt_tokens), **options}
        marks = ranges.Steps(streamer) if ranges.asked() else None
        streamer = marks or streamer
        if config.compile != "off":
            arguments |= self.loops.options(config, bench.model, rows, prompt_tokens + new_tokens, streamer)
        try:
            with ExitStack() as around:
                around.enter_context(scope.in_force(config, bench.device))
                if speculates:
                    watch = around.enter_context(drafting.watched(bench.model, arguments.get("assistant_model")))
                if marks and config.compile != "off":
                    around.enter_context(marks.over_loop(self.loops.latest))
                elif marks:
                    drafts = (lambda: watch.drafting) if speculates else (lambda: False)
                    around.enter_context(marks.over_model(bench.model, drafts))
                output = bench.model.generate(
                    **scope.masked(batch, config.attention_mask),
                    streamer=streamer,
                    max_new_tokens=new_tokens,
                    return_dict_in_generate=True,
                    **arguments,
                    **options,
                )
        finally:  # whoever ends it early, a trace or Stop, has seen the loop too
            self.seen = replace(self.seen, loop=self.loops.ran(config))
        self.asked, cache = {}, output.past_key_values
        self.seen = replace(self.seen, cache=readback.cache_word(cache), cache_bytes=cache_bytes(cache))
        if speculates:
            self.seen = replace(self.seen, drafts=watch.drafts())
        return output

    def prove(self, model: Any, tokenizer: Any, config: Config, context: Context, changed: set[str]) -> None:
        """One token under `config`, whose knobs `changed`, shows what is in force."""
        by_assistant = config.speculation == "assistant"
        drafter = self.assistant.arguments(tokenizer) if by_assistant else {}
        same_cache = not changed & (live.CACHE_KNOBS | live.DRAFT_KNOBS)
        counted = bool(self.kv_bytes)
        if config.speculation == "off":
            self.seen, kv_bytes = live.proof(model, config, context, same_cache=same_cache, counted=counted)
        else:
            with drafting.watched(model, drafter.get("assistant_model")) as watch:
                seen, kv_bytes = live.proof(model, config, context, counted=counted, drafting=drafter)
            self.seen = replace(seen, drafts=watch.drafts())
        self.kv_bytes = kv_bytes or self.kv_bytes

    def remember(self, config: Config | None) -> None:
        """What was seen was under `config`; None: everything remembered was of another model, or of another state."""
        if config is None:
            self._seen_with.clear()
        else:
            self._seen_with[config] = self.seen

    def recall(self, config: Config) -> None:
        """What was last seen under `config` is taken to be so again."""
        self.seen = self._seen_with.get(config, self.seen)

    def clear(self) -> None:
        """Lets go of what belongs to the model: compiled code and the assistant."""
        self.loops.clear()
        self.assistant.clear()
