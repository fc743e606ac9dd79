"""A decode loop over one static cache, for `model.generate(custom_generate=...)`: one compiled call per token.

`generate` prepares the inputs, logits processors and stop criteria as for its own loop; the prompt runs uncompiled;
each further token is one call of fixed shapes. Greedy search and sampling, batches padded on the left, streamers.
"""

from contextlib import ExitStack
from functools import partial
from types import FunctionType
from typing import Any

import torch
from transformers import DynamicCache, StaticCache
from transformers.cache_utils import StaticLayer
from transformers.generation.utils import GenerateDecoderOnlyOutput

SHORTEST = 256  # tokens of cache
RECOMPILES = 8  # a step of fixed shapes compiles once; where a model makes it compile more often, this ends it


def rounded_length(tokens: int) -> int:
    """Length of a cache for prompt and answer of `tokens`: a power of two, so that few lengths are ever compiled."""
    return max(SHORTEST, 1 << (tokens - 1).bit_length())


class StaticLoop:
    """Decoding of `batch_size` rows over a cache of `cache_length` tokens, prompt and new ones together.

    mode      of torch.compile: "default", "reduce-overhead" (CUDA graphs) or "max-autotune"
    freezing  fold the weights into the compiled code: faster on a CPU, at the price of a second copy of them
    backend   of torch.compile; `mode` and `freezing` belong to "inductor"

    Use: `model.generate(**inputs, streamer=streamer, **loop.arguments(streamer))`. What was compiled holds for the
    model's settings (attention, precision, threads) of the first run; make another loop for others.
    """

    def __init__(
        self,
        model: Any,
        batch_size: int,
        cache_length: int,
        mode: str = "default",
        freezing: bool = False,
        backend: Any = "inductor",
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        self.cache_length = cache_length
        self.freezing = freezing
        # Buffers of fixed addresses, made outside of inference mode: its tensors cannot be written to elsewhere, and
        # compiled code is bound to the mode it was made in.
        with torch.inference_mode(False):
            self.cache = StaticCache(config=model.config, max_cache_len=cache_length)
            self.plain = all(type(layer) is StaticLayer for layer in self.cache.layers)
            self._tokens = torch.zeros((batch_size, 1), dtype=torch.long, device=model.device)
            self._positions = torch.zeros_like(self._tokens)
            self._mask = torch.zeros((batch_size, cache_length), dtype=torch.long, device=model.device)
        options = None
        if backend == "inductor":
            quiet = {"autotune_num_choices_displayed": 0, "max_autotune_report_choices_stats": False}
            known = {name: value for name, value in quiet.items() if hasattr(torch._inductor.config, name)}
            options = {**torch._inductor.list_mode_options(mode), "freezing": freezing, **known}
        step = _step_of(model, self.cache)
        self._whole = False  # the step is one graph
        self._step = torch.compile(step, dynamic=False, backend=backend, options=options)

    def arguments(self, streamer: Any = None) -> dict[str, Any]:
        """Arguments of `generate` that put this loop to work on an empty cache. A callable gets no streamer from it."""
        with torch.inference_mode(False):
            self.cache.reset()
        return {"custom_generate": partial(self, streamer=streamer), "past_key_values": self.cache}

    def __call__(
        self,
        model: Any,
        input_ids: torch.Tensor,
        logits_processor: Any,
        stopping_criteria: Any,
        generation_config: Any,
        synced_gpus: bool = False,
        streamer: Any = None,
        **model_kwargs: Any,
    ) -> Any:
        """What `generate` calls, with the arguments of its own loop; returns what that returns."""
        if input_ids.shape[0] != self.batch_size or generation_config.max_length > self.cache_length:
            raise ValueError(
                f"{input_ids.shape[0]} rows of {generation_config.max_length} tokens do not fit a loop made for "
                f"{self.batch_size} rows of {self.cache_length}"
            )
        ends = any(hasattr(criterion, "eos_token_id") for criterion in stopping_criteria)
        scores: list[torch.Tensor] = []
        raw_logits: list[torch.Tensor] = []
        with self._compiling() as stack, torch.inference_mode(False), torch.no_grad():
            input_ids = input_ids.clone()
            going = torch.ones(self.batch_size, dtype=torch.long, device=input_ids.device)
            logits = self.prefill(input_ids, model_kwargs)
            guarded = True
            while True:
                logits = logits.to(copy=True, dtype=torch.float32, device=input_ids.device)
                chosen_from = logits_processor(input_ids, logits)
                if generation_config.do_sample:
                    tokens = torch.multinomial(torch.softmax(chosen_from, dim=-1), num_samples=1).squeeze(1)
                else:
                    tokens = torch.argmax(chosen_from, dim=-1)
                if ends:
                    tokens = tokens * going + generation_config._pad_token_tensor * (1 - going)
                if generation_config.output_scores:
                    scores.append(chosen_from)
                if generation_config.output_logits:
                    raw_logits.append(logits)
                input_ids = torch.cat([input_ids, tokens[:, None]], dim=-1)
                going = going & ~stopping_criteria(input_ids, tuple(scores))
                if streamer is not None:
                    streamer.put(tokens.cpu())
                if not going.any():
                    break
                before = compiled()
                logits = self.decode(tokens, input_ids.shape[1] - 1)
                made, broken = (now - then for now, then in zip(compiled(), before, strict=True))
                if made or broken:
                    self._whole = (made, broken) == (1, 0)
                elif guarded and self._whole and self.plain:
                    # Whether the code still fits the model is asked once a run, not before each token: that takes
                    # a tenth of a step of a small model. Other kinds of layers may take another branch later.
                    stack.enter_context(torch.compiler.set_stance(skip_guard_eval_unsafe=True))
                    guarded = False
        if streamer is not None:
            streamer.end()
        if not generation_config.return_dict_in_generate:
            return input_ids
        return GenerateDecoderOnlyOutput(
            sequences=input_ids,
            scores=tuple(scores) or None,
            logits=tuple(raw_logits) or None,
            past_key_values=self.cache,
        )

    def decode(self, tokens: torch.Tensor, index: int) -> Any:
        """Logits [batch, vocabulary] after `tokens` [batch], which stand at `index` of their rows."""
        self._tokens.copy_(tokens[:, None])
        self._positions.add_(1)
        self._mask[:, index] = 1
        if self.model.device.type == "cuda":
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return self._step(self._tokens, self._positions, self._mask)

    def prefill(self, input_ids: torch.Tensor, model_kwargs: dict[str, Any]) -> Any:
        """Logits [batch, vocabulary] after the prompt, run uncompiled.

        It runs over a growing cache, as in `generate`'s own loop: a static one would keep attention from its causal
        kernels. Kinds of layers that keep more than keys and values are filled directly.
        """
        length = input_ids.shape[1]
        mask = model_kwargs.get("attention_mask")  # None where every token counts
        self._mask.zero_()
        self._mask[:, :length] = 1 if mask is None else mask
        self._positions.copy_(self._mask.sum(dim=1, keepdim=True) - 1)
        cache = DynamicCache(config=self.model.config) if self.plain else self.cache
        inputs = self.model.prepare_inputs_for_generation(
            input_ids, is_first_iteration=True, **{**model_kwargs, "past_key_values": cache}
        )
        logits = self.model(**inputs).logits[:, -1]
        if self.plain:
            for layer, filled in zip(self.cache.layers, cache.layers, strict=True):
                layer.update(filled.keys, filled.values)
        return logits

    def _compiling(self) -> ExitStack:
        """Settings of the compiler that torch reads beside a call's options, for this run alone."""
        stack = ExitStack()
        stack.enter_context(torch._inductor.config.patch(freezing=self.freezing))
        stack.enter_context(torch._dynamo.config.patch(recompile_limit=RECOMPILES, fail_on_recompile_limit_hit=True))
        return stack


def compiled() -> tuple[int, int]:
    """(graphs that torch has compiled in this process, places where it broke off)"""
    counters = torch._dynamo.utils.counters
    return int(counters["stats"]["unique_graphs"]), sum(counters["graph_break"].values())


def _step_of(model: Any, cache: Any) -> FunctionType:
    """One decode step over `cache`, as a function with a code object of its own.

    torch keeps compiled code by code object: steps that shared one would recompile each other, and outlive their loop.
    """

    def step(tokens: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> Any:
        # The mask is as long as the cache, zeros where nothing is written yet: its shape never changes.
        return model(
            input_ids=tokens,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]

    return FunctionType(step.__code__.replace(), globals(), "step", None, step.__closure__)
