"""transformers' continuous batching: requests join and leave between two passes, over a paged KV cache.

`generate_batch` in transformers' words; its manager is driven here, so that Stop is heard and a failure becomes a
reason. It decodes on a thread of its own, outside of what holds only around a call on this one.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from transformers import ContinuousBatchingConfig

from workbench.errors import CapabilityError
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.failures import refuses_memory
from workbench.words import Message, say

PAGE_TOKENS = 32  # of a page; 256, the default, leaves most of a page empty under short requests
MOST_BATCH_TOKENS = 2048  # of one pass over prompts
_SPARE_PAGES = 2
_LOGGER = "ContinuousBatchingLogger"
_WAIT_S = 0.1


def why_not(bench: Bench) -> Message | None:
    """The reason why it cannot run under the settings in force, or None."""
    config = bench.config
    if config.cache != "dynamic":
        return say("batching.continuous_cache", cache=config.cache)
    if config.attention not in ("eager", "sdpa", "flash_attention_2", "flash_attention_3"):
        return say("batching.continuous_attention", attention=config.attention)
    for knob, usual in (("autocast", "off"), ("sdpa_backend", "auto")):
        if config[knob] != usual:
            return say("batching.continuous_thread", knob=knob, value=config[knob])
    return None


def pages(lengths: Sequence[int], answers: Sequence[int]) -> int:
    """That hold every request at once, and no more: the default takes most of the free memory."""
    return _SPARE_PAGES + sum(-(-(length + new) // PAGE_TOKENS) for length, new in zip(lengths, answers, strict=True))


class Manager:
    """Serves requests. `attention`: in force within."""

    def __init__(self, bench: Bench, manager: Any) -> None:
        self._bench = bench
        self._manager = manager
        self.attention = str(bench.model.config._attn_implementation)

    @property
    def graphs(self) -> bool:
        """Whether CUDA graphs run instead of the model's own forward."""
        used = self._manager.continuous_batching_config.use_cuda_graph
        return any(used) if isinstance(used, tuple) else bool(used)

    @property
    def cache_bytes(self) -> int:
        """Reserved for keys and values."""
        reserved: int = self._manager.batch_processor.cache.cache_tensor.nbytes
        return reserved

    def serve(
        self, rows: Sequence[list[int]], answers: Sequence[int], context: Context
    ) -> tuple[list[list[int]], list[list[float]]]:
        """New tokens of each request and when each came (perf_counter seconds). CapabilityError when it fails."""
        names = [
            self._manager.add_request(row, max_new_tokens=new, record_timestamps=True)
            for row, new in zip(rows, answers, strict=True)
        ]
        done: dict[str, Any] = {}
        while len(done) < len(names):
            context.check()
            result = self._manager.get_result(timeout=_WAIT_S)
            if result is not None and result.is_finished():
                if result.error is not None:
                    raise _failed(self._bench, str(result.error))
                done[result.request_id] = result
            elif result is None and not self._manager.is_running():
                problem = self._manager.background_thread_status.fatal_error
                raise _failed(self._bench, f"{type(problem).__name__}: {problem}")
        answered = [done[name] for name in names]
        return [list(one.generated_tokens) for one in answered], [list(one.timestamps) for one in answered]


@contextmanager
def running(bench: Bench, lengths: Sequence[int], answers: Sequence[int]) -> Iterator[Manager]:
    """A manager with room for these requests. Whatever happens, the model's attention is afterwards what it was.

    CapabilityError when transformers refuses this model.
    """
    model = bench.model
    before = model.config._attn_implementation
    logger = logging.getLogger(_LOGGER)
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # what fails is told by what is raised
    manager = None
    try:
        manager = model.init_continuous_batching(
            generation_config=_generation(bench),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=PAGE_TOKENS,
                num_blocks=pages(lengths, answers),
                max_batch_tokens=min(max(sum(lengths), len(lengths)), MOST_BATCH_TOKENS),
                max_requests_per_batch=len(lengths),
                allow_block_sharing=False,  # reuse of common beginnings is another question
                auto_switch_to_flash=False,  # the attention in force is compared, not another
            ),
        )
        manager.warmup()
        manager.start()
        yield Manager(bench, manager)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if refuses_memory(error):
            raise
        problem = next(iter(str(error).splitlines()), "")
        raise _failed(bench, f"{type(error).__name__}: {problem}") from error
    finally:
        if manager is not None and manager.is_running():
            manager.stop(block=True, timeout=30, hard_stop=True)
        if manager is not None:
            manager.destroy()
        if model.config._attn_implementation != before:
            model.set_attn_implementation(before)
        logger.setLevel(level)


def _failed(bench: Bench, problem: str) -> CapabilityError:
    """MLA keeps a latent and a rotary key of two widths, where a page has room for keys and values of one."""
    latent = "kv_lora_rank" in bench.facts.config
    return CapabilityError("batching.continuous_mla" if latent else "batching.continuous_failed", problem=problem)


def _generation(bench: Bench) -> Any:
    """Greedy, and no end of sequence but the number of tokens: fixed work."""
    generation = deepcopy(bench.model.generation_config)
    generation.do_sample = False
    generation.temperature = generation.top_p = generation.top_k = generation.min_p = None
    generation.repetition_penalty = generation.no_repeat_ngram_size = None
    generation.eos_token_id = -1
    return generation
