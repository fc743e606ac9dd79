"""Tensor, pipeline and data parallel sizes for the GPUs that are named, with the arithmetic behind them.

A GPU holds its share of the weights (tensor parallel size × pipeline stages, the largest stage counted), its share of
one request's cache, and the workspace of a prefill. Tensor parallelism splits attention heads, so its size divides
them; the KV heads of one GPU are whole, and MLA's latent is not split by heads at all: every GPU of a tensor parallel
group keeps it whole. Tensor parallelism talks at every layer, so it stays within a machine; pipeline stages pass on
one activation, so they cross machines.
"""

import math
from dataclasses import dataclass, replace

from workbench.catalog.serving import Tool
from workbench.config import Config
from workbench.export.serving.fleet import Fleet
from workbench.export.serving.served import Served
from workbench.forecast import forecast
from workbench.forecast.plan import Plan
from workbench.forecast.shape import shape_of
from workbench.forecast.target import target_of
from workbench.forecast.weights import WeightBytes
from workbench.results import Workload
from workbench.words import Message, say

LEAST_CONTEXT = 1024  # tokens: with less than these a split does not count as fitting
_PREFILL = 2048  # tokens of a prompt that a server computes at once
_MACHINE = 8  # GPUs of one machine, where a larger number is tried


@dataclass(frozen=True)
class Sizes:
    """What one GPU must hold of a model, before it is split. Bytes; `token`: of one request's cache, a token."""

    weights: int
    token: float
    workspace: int
    heads: int
    kv_heads: int
    layers: int
    latent: bool
    experts: int
    limit: int | None

    def stage(self, pipeline: int) -> float:
        """Share of the layers in the largest pipeline stage."""
        return math.ceil(self.layers / pipeline) / self.layers if self.layers else 1 / pipeline

    def room(self, usable: float, tensor: int, pipeline: int) -> float:
        """Bytes that one GPU has left for the cache."""
        return usable - self.weights * self.stage(pipeline) / tensor - self.workspace

    def token_share(self, tensor: int, pipeline: int) -> float:
        """Bytes of one token of one request on one GPU."""
        split = 1 if self.latent else min(tensor, self.kv_heads or tensor)
        return self.token * self.stage(pipeline) / split

    def context(self, usable: float, tensor: int, pipeline: int) -> int:
        """Tokens of one request that fit; 0: not one."""
        share = self.token_share(tensor, pipeline)
        return max(int(self.room(usable, tensor, pipeline) / share), 0) if share else self.limit or 0


@dataclass(frozen=True)
class Parallel:
    """The proposal. fits: with `context` tokens for one request; lines: how it was reached."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    fits: bool = True
    context: int | None = None
    lines: tuple[Message, ...] = ()


def sizes_of(served: Served, config: Config, on: str, made: bool) -> Sizes | None:
    """From the forecast on one such GPU; None: nothing is known of the model's size.

    made  whether the tool makes the quantisation that `config` asks for
    """
    if served.about is None:
        return _of_gguf(served) if served.bytes else None
    # a server has kernels and caches of its own: what is forecast is what it holds, not how the bench ran
    plain = config.replace(attention="sdpa", sdpa_backend="auto", cache="dynamic", compile="off", device="cuda")
    if not made:  # as the files are, then
        plain = plain.replace(quantization="auto")
    whole = forecast(served.about, plain, Workload(prompt_tokens=_PREFILL, new_tokens=2), on=on)
    return Sizes(
        weights=whole.weights,
        token=whole.kv_cache / (_PREFILL + 2),
        workspace=whole.workspace,
        heads=served.number("num_attention_heads"),
        kv_heads=served.number("num_key_value_heads") or served.number("num_attention_heads"),
        layers=served.number("num_hidden_layers"),
        latent=bool(served.number("kv_lora_rank")),
        experts=served.number("n_routed_experts"),
        limit=served.context,
    )


def _of_gguf(served: Served) -> Sizes:
    """Weights as they are in the file; a cache in 16 bits; a workspace is not known and counts as nothing."""
    heads, layers = served.number("num_attention_heads"), served.number("num_hidden_layers")
    kv_heads = served.number("num_key_value_heads") or heads
    width = served.number("hidden_size") // heads if heads else 0
    token = 2 * 2.0 * layers * kv_heads * width
    return Sizes(served.bytes, token, 0, heads, kv_heads, layers, False, 0, served.context)


def propose(tool: Tool, served: Served, config: Config, fleet: Fleet, context: int | None) -> Parallel:
    """The smallest split that holds the model and one request, and as many copies of it as the GPUs have room for."""
    made = served.own is None and (config.quantization in tool.made or bool(tool.nearest) or tool.split == "none")
    sizes = sizes_of(served, config, fleet.gpu.slug, made)
    if sizes is None:
        return Parallel(context=context, lines=(say("serving.size_unknown", gpus=str(fleet)),))
    usable = fleet.gpu.memory_bytes * tool.memory_share
    wanted = context or sizes.limit or LEAST_CONTEXT
    choices = _choices(tool, sizes, fleet)
    chosen = next((each for each in choices if sizes.context(usable, *each) >= wanted), None)
    if chosen is None and context is None:  # the model's own limit does not fit: as much of it as there is room for
        reach = {each: sizes.context(usable, *each) for each in choices}
        longest = max(choices, key=lambda each: reach[each])
        chosen = longest if reach[longest] >= LEAST_CONTEXT else None
    fits = chosen is not None
    tensor, pipeline = chosen or choices[-1]
    tokens = min(sizes.context(usable, tensor, pipeline), wanted)
    found = Parallel(tensor, pipeline, 1, fits, tokens if fits else context)
    if fits and pipeline == 1 and tool.replicas:
        found = replace(found, data=fleet.gpus // tensor)
    return replace(found, lines=_lines(tool, served, config, fleet, sizes, found, wanted))


def _choices(tool: Tool, sizes: Sizes, fleet: Fleet) -> list[tuple[int, int]]:
    """(tensor, pipeline) from the smallest on: within a machine first, then stages on several."""
    gpus, nodes = fleet.gpus, fleet.nodes
    if tool.split != "tensor":
        return [(1, stages) for stages in range(1, gpus + 1 if tool.split == "layers" else 2)]
    split = [size for size in range(1, gpus + 1) if gpus % size == 0 and (not sizes.heads or sizes.heads % size == 0)]
    stages = [count for count in range(2, nodes + 1) if nodes % count == 0]
    return [(size, 1) for size in split] + [(split[-1], count) for count in stages]


def _lines(
    tool: Tool,
    served: Served,
    config: Config,
    fleet: Fleet,
    sizes: Sizes,
    found: Parallel,
    wanted: int,
) -> tuple[Message, ...]:
    usable = fleet.gpu.memory_bytes * tool.memory_share
    held = sizes.weights * sizes.stage(found.pipeline) / found.tensor
    tokens = found.context if found.fits and found.context else wanted
    cache = tokens * sizes.token_share(found.tensor, found.pipeline)
    numbers = {
        "weights": _gb(sizes.weights),
        "share": _gb(held),
        "cache": _gb(cache),
        "tokens": tokens,
        "workspace": _gb(sizes.workspace),
        "usable": _gb(usable),
        "percent": round(100 * tool.memory_share),
        "gpu": fleet.gpu.name,
        "tensor": found.tensor,
        "pipeline": found.pipeline,
    }
    lines = [say("serving.arithmetic" if found.fits else "serving.arithmetic_over", **numbers)]
    if not found.fits:
        enough = _enough(sizes, usable, min(wanted, LEAST_CONTEXT))
        code = "serving.fits_not" if enough else "serving.fits_never"
        return (*lines, say(code, gpus=str(fleet), weights=_gb(sizes.weights), enough=enough))
    if tokens < wanted:
        lines.append(say("serving.context_cut", tokens=tokens, limit=wanted))
    room = sizes.room(usable, found.tensor, found.pipeline)
    together = int(room / cache) if cache else 0
    lines.append(say("serving.together", requests=together, tokens=tokens))
    machines = found.pipeline if tool.split == "tensor" else 1  # that one copy spans
    used = found.tensor * (1 if machines > 1 or tool.split == "tensor" else found.pipeline)
    here, groups = fleet.gpus // used, fleet.nodes // machines
    if here > 1 and machines == 1 and not tool.replicas:
        lines.append(say("serving.copies_by_hand", tool=tool.name, copies=here, gpus=used))
    if groups > 1:
        lines.append(say("serving.groups_by_hand", groups=groups, machines=machines))
    idle = fleet.total - used * (here if machines == 1 else 1) * groups * machines
    if idle:
        lines.append(say("serving.idle", idle=idle, total=fleet.total))
    if sizes.latent and found.tensor > 1:
        lines.append(_latent(served, config, fleet, sizes, found, usable))
    return tuple(lines)


def _latent(served: Served, config: Config, fleet: Fleet, sizes: Sizes, found: Parallel, usable: float) -> Message:
    """Attention in data parallel: what a GPU would hold with its own attention and a share of the experts."""
    assert served.about is not None
    shape = shape_of(served.about)
    parts = WeightBytes.of(shape, Plan.of(config, shape, target_of(config, None, fleet.gpu.slug, 0)))
    group = found.tensor * found.pipeline
    rest, experts = parts.total - parts.experts, parts.experts / group
    fits = usable - rest - experts - sizes.workspace > LEAST_CONTEXT * sizes.token
    return say(
        "serving.latent" if fits else "serving.latent_not",
        tensor=found.tensor,
        group=group,
        share=_gb(rest + experts),
        rest=_gb(rest),
        experts=_gb(experts),
        usable=_gb(usable),
    )


def _enough(sizes: Sizes, usable: float, tokens: int) -> int:
    """GPUs of this kind that would do, in machines of eight; 0: not within 64."""
    for total in (1, 2, 4, 8, 16, 32, 64):
        tensor, pipeline = min(total, _MACHINE), max(total // _MACHINE, 1)
        if sizes.heads and sizes.heads % tensor:
            continue
        if sizes.context(usable, tensor, pipeline) >= tokens:
            return total
    return 0


def _gb(value: float) -> str:
    """In 10⁹ bytes, as GPU memory is sold and the catalogue has it."""
    return f"{value / 1e9:.3g} GB" if value < 1e12 else f"{value / 1e12:.3g} TB"
