"""Memory beside the weights, and the largest batch and context that it leaves room for."""

from collections.abc import Callable
from dataclasses import dataclass

from workbench.cache_room import kv_cache_bytes
from workbench.config import Config
from workbench.forecast.plan import Plan
from workbench.forecast.shape import Shape
from workbench.results import Fitting, Workload

_CONTEXTS = tuple(1024 * 4**step for step in range(5))  # of the table: 1,024 to 262,144 tokens
_MOST = 1 << 20  # rows or tokens; more is not looked for


@dataclass(frozen=True)
class Room:
    """What a config leaves of a device. `available` None: not known."""

    config: Config
    shape: Shape
    plan: Plan
    weights: int
    available: int | None

    def kv_cache(self, workload: Workload) -> int:
        layers = self.shape.config.get("num_hidden_layers")
        return kv_cache_bytes(self.config, workload, self.shape.kv_values, self.plan.activation, layers)

    def workspace(self, workload: Workload) -> int:
        """Bytes that prefill holds beside weights and cache; layers come one after the other, so one counts.

        Per prompt token: residual, its norm and the attention's in- and output (4 × hidden), the MLP's gate, up and
        product (3 × width); MLA's keys and values of one layer, expanded. Eager attention keeps the scores, their
        masked copy and a float32 softmax: heads × prompt² each. The next token's logits are float32. Kernels that
        convert a layer's weights first hold the largest so, while the product of gate and up is not there yet.
        bitsandbytes int8 keeps int32 sums and two float32 copies of them beside (12 bytes × width).
        Within 15 % of the allocator's own count for prefills of 256 and 1,024 tokens of SmolLM2-135M on CPU, in full,
        nf4 and int8; other models and kernels were not compared.
        """
        config, size = self.shape.config, self.plan.activation
        rows, prompt = workload.batch_size, workload.prompt_tokens
        hidden, heads = config.get("hidden_size") or 0, config.get("num_attention_heads") or 0
        width = config.get("intermediate_size") or (config.get("moe_intermediate_size") or 0) * (
            config.get("num_experts_per_tok") or 1
        )
        values = 4 * hidden + 3 * width
        if config.get("kv_lora_rank"):
            values += heads * (config["qk_nope_head_dim"] + config["qk_rope_head_dim"] + config["v_head_dim"])
        sums = 12 * width + hidden if self.plan.format == "bnb-int8" else 0
        held = rows * prompt * (values * size + sums)
        held = max(held, held - rows * prompt * width * size + self._converted())
        scores = heads * prompt * prompt * (2 * size + 4) if self.config["attention"] == "eager" else 0
        logits = 4 * (config.get("vocab_size") or 0)
        return int(held + rows * (scores + logits))

    def _converted(self) -> int:
        """Bytes of the largest layer whose weights are converted to the dtype of the product; 0: none is."""
        own_kernel = self.plan.format == "torchao-int4-weight" or (self.plan.format[:4] == "bnb-" and self.plan.repacks)
        if self.plan.format in ("none", "bnb-int8", "fp8", "gptq", "awq") or own_kernel or not self.shape.layers:
            return 0
        return max(one.rows * one.columns for one in self.shape.layers if not one.experts) * self.plan.wide

    def largest_batch(self, workload: Workload) -> int | None:
        """Rows of this workload's lengths that fit; 0: not one. None: memory is not known."""
        return self._largest(lambda rows: workload.replace(batch_size=rows))

    def largest_context(self, workload: Workload) -> int | None:
        """Tokens of one row, prompt and answer, up to the model's own limit."""
        limit = self.shape.config.get("max_position_embeddings") or _MOST
        new = workload.new_tokens
        longest = self._largest(lambda prompt: workload.replace(batch_size=1, prompt_tokens=prompt), limit - new)
        return longest + new if longest else longest

    def table(self, workload: Workload) -> tuple[Fitting, ...]:
        """The largest batch at lengths up to the model's limit."""
        if self.available is None:
            return ()
        limit = self.shape.config.get("max_position_embeddings") or _CONTEXTS[-1]
        lengths = [tokens for tokens in _CONTEXTS if workload.new_tokens < tokens <= limit]
        found = []
        for tokens in lengths:
            work = workload.replace(prompt_tokens=tokens - workload.new_tokens)
            found.append(Fitting(context=tokens, batch_size=self.largest_batch(work) or 0))
        return tuple(found)

    def _largest(self, work: Callable[[int], Workload], limit: int = _MOST) -> int | None:
        """The largest number for which the work fits; it takes more memory the larger the number is."""
        if self.available is None:
            return None
        fits, too_many = 0, limit + 1
        while too_many - fits > 1:
            tried = (fits + too_many) // 2
            needed = self.weights + self.kv_cache(work(tried)) + self.workspace(work(tried))
            fits, too_many = (tried, too_many) if needed <= self.available else (fits, tried)
        return fits
