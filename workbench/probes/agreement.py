"""Do two live configurations compute the same? Their logits over the same tokens, against what rounding explains.

Two ways, because kernels and caches differ between them: a text in one pass, and a's greedy continuation one token a
step over the KV cache, along which b is forced. Where b's most likely token is not a's, b alone would have gone
elsewhere: the first such step is the first divergent token. What counts as rounding: `workbench.rounding`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from workbench.config import Config
from workbench.judging import names_of
from workbench.probes.bench import Bench
from workbench.probes.context import Context
from workbench.probes.forced import Recorder
from workbench.probes.timing import prepare
from workbench.results import Agreement, Divergence, LogitDistance, Workload
from workbench.rounding import excess, level_of, loses, sentence
from workbench.words import say

MOST_POSITIONS = 256  # of the text in one pass
_CHUNK = 32  # positions whose distributions are held in float64 at once
_TF32 = 2.0**-10  # machine epsilon of TF32's 10-bit mantissa


def run(bench: Bench, params: dict[str, Any], context: Context) -> Agreement:
    """params: a, b (configs as dicts), workload (as a dict), text (instead of the workload's prompt, or None).

    The configuration that was in force is in force again afterwards.
    """
    sides = Config(**params["a"]), Config(**params["b"])
    workload = Workload(**params["workload"])
    if params.get("text"):
        workload = workload.replace(prompts=(params["text"],), batch_size=1)
    batch = prepare(bench, workload)
    before = bench.config
    context.enter(say("phase.agreement"))
    try:
        return of(bench, sides, batch, workload.new_tokens, context)
    finally:
        bench.switch(before, Context(context.emit), proven=True)


def of(
    bench: Bench, sides: tuple[Config, Config], batch: dict[str, torch.Tensor], new_tokens: int, context: Context
) -> Agreement:
    """Over `batch` (input_ids [batch, time]) and `new_tokens` more; leaves the second configuration in force."""
    a, b = sides
    bench.switch(a, context)
    text_a = _text_logits(bench, batch, context)
    rounding = rounding_of(bench, sides, text_a, batch, context)
    tokens, steps_a = decoded(bench, batch, new_tokens, None, context)
    bench.switch(b, context)
    prefill = distance(text_a, _text_logits(bench, batch, context))
    del text_a
    tokens_b, steps_b = decoded(bench, batch, new_tokens, tokens, context)
    apart = (tokens != tokens_b).any(dim=0).nonzero()  # only where b could not be led along a's tokens
    if len(apart):
        tokens, steps_a, steps_b = (each[:, : int(apart[0]) + 1] for each in (tokens, steps_a, steps_b))
    decode = distance(steps_a.flatten(0, 1), steps_b.flatten(0, 1))

    times = max(excess(prefill, rounding), excess(decode, rounding))
    level = level_of(a, b, prefill, decode, times)
    parting = divergence(tokens, steps_a, steps_b, bench.tokenizer)
    dtype = dtype_of(bench, sides)
    return Agreement(
        a=a.to_dict(),
        b=b.to_dict(),
        prefill=prefill,
        decode=decode,
        rounding=rounding,
        rounding_dtype=dtype,
        excess=times,
        level=level,
        verdict=sentence(level, names_of(a, b), times, loses(a, b), parting, dtype),
        first_divergence=parting,
        flags=bench.facts.notes,
    )


def distance(a: torch.Tensor, b: torch.Tensor) -> LogitDistance:
    """Of two sets of logits [positions, vocabulary]."""
    largest, divergences, same = 0.0, [], 0
    for first, second in zip(torch.split(a, _CHUNK), torch.split(b, _CHUNK), strict=True):
        first, second = first.double(), second.double()
        log_a, log_b = first.log_softmax(-1), second.log_softmax(-1)
        largest = max(largest, (first - second).abs().max().item())
        divergences.append((log_a.exp() * (log_a - log_b)).sum(-1).clamp(min=0))
        same += int((first.argmax(-1) == second.argmax(-1)).sum())
    kl = torch.cat(divergences)
    if not bool(torch.isfinite(kl).all()):  # a NaN is lost in max(), and is the opposite of agreement
        largest = float("inf")
        kl = torch.full_like(kl, float("inf"))
    return LogitDistance(
        positions=len(kl),
        max_logit_diff=largest,
        kl_mean=kl.mean().item(),
        kl_max=kl.max().item(),
        same_top=same / len(kl),
    )


def divergence(tokens: torch.Tensor, a: torch.Tensor, b: torch.Tensor, tokenizer: Any) -> Divergence | None:
    """The first step at which b prefers another token. tokens: [batch, step]; a, b: [batch, step, vocabulary]."""
    other = b.argmax(-1)
    differs = other != tokens
    if not bool(differs.any()):
        return None
    index = int(differs.any(dim=0).int().argmax())
    row = int(differs[:, index].int().argmax())
    token_a, token_b = int(tokens[row, index]), int(other[row, index])
    return Divergence(
        row=row,
        index=index,
        token_a=token_a,
        token_b=token_b,
        text_a=tokenizer.decode([token_a]),
        text_b=tokenizer.decode([token_b]),
        margin=(a[row, index, token_a] - a[row, index, token_b]).item(),
    )


@torch.inference_mode()
def _text_logits(bench: Bench, batch: dict[str, torch.Tensor], context: Context) -> torch.Tensor:
    """Of the first row's last tokens, padding left out: [positions, vocabulary]."""
    row = {name: tensor[:1, -MOST_POSITIONS:] for name, tensor in batch.items()}
    real = row["attention_mask"][0].bool()
    with bench.interruptible(context), bench.in_force():
        logits: torch.Tensor = bench.model(**bench.masked(row), use_cache=False).logits[0]
    return logits[real]


def decoded(
    bench: Bench,
    batch: dict[str, torch.Tensor],
    new_tokens: int,
    forced: torch.Tensor | None,
    context: Context,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """New tokens [batch, step] and their logits [batch, step, vocabulary], by the loop and the cache in force.

    forced  tokens that are chosen whatever the logits say; options: of `generate`

    With speculation nothing is forced: a draft is only kept where the model agrees. Its logits count up to the first
    token at which it goes elsewhere.
    """
    if bench.config.speculation != "off":
        with bench.interruptible(context):
            output = bench.produce(batch, None, new_tokens, output_logits=True, **options)
        logits = torch.stack([step.to("cpu", torch.float32) for step in output.logits], dim=1)
        return output.sequences[:, batch["input_ids"].shape[1] :].cpu(), logits
    seen: list[torch.Tensor] = []
    recorder = Recorder(lambda _step, scores: seen.append(scores.to("cpu", torch.float32, copy=True)), forced)
    with bench.interruptible(context):
        output = bench.produce(batch, None, new_tokens, logits_processor=[recorder], **options)
    return output.sequences[:, batch["input_ids"].shape[1] :].cpu(), torch.stack(seen, dim=1)


def rounding_of(
    bench: Bench,
    sides: tuple[Config, Config],
    logits: torch.Tensor | None,
    batch: dict[str, torch.Tensor],
    context: Context,
) -> LogitDistance:
    """The yardstick: what one more rounding of every attention output does to the `logits` of `batch` in one pass."""
    if logits is None:
        logits = _text_logits(bench, batch, context)
    with rounded_once_more(bench, epsilon(bench, sides)):
        return distance(logits, _text_logits(bench, batch, context))


@contextmanager
def rounded_once_more(bench: Bench, off: float) -> Iterator[None]:
    """Within it every attention layer's output is off by one rounding (`off`: epsilon), at random, always the same."""
    generator = torch.Generator(device="cpu").manual_seed(0)

    def disturb(_module: Any, _inputs: Any, output: Any) -> Any:
        first = output[0] if isinstance(output, tuple) else output
        noise = torch.randn(first.shape, generator=generator).to(first.device)
        rounded = (first.float() * (1 + off * noise)).to(first.dtype)
        return (rounded, *output[1:]) if isinstance(output, tuple) else rounded

    handles = [module.register_forward_hook(disturb) for module in _attention_layers(bench.model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _attention_layers(model: Any) -> list[torch.nn.Module]:
    """transformers names them …Attention and numbers them for the cache; where it does not, the embedding stands in."""
    found = [
        module
        for module in model.modules()
        if type(module).__name__.endswith("Attention") and getattr(module, "layer_idx", None) is not None
    ]
    return found or [model.get_input_embeddings()]


def dtype_of(bench: Bench, sides: Sequence[Config]) -> str:
    """The number format whose rounding is the yardstick."""
    return str(compute_dtype(bench, sides)).removeprefix("torch.")


def compute_dtype(bench: Bench, sides: Sequence[Config]) -> torch.dtype:
    """The coarsest number format that any of `sides` computes in."""
    formats = [bench.model.get_input_embeddings().weight.dtype]
    formats += [getattr(torch, side.autocast) for side in sides if side.autocast != "off"]
    coarsest: torch.dtype = max(formats, key=lambda dtype: torch.finfo(dtype).eps)
    return coarsest


def epsilon(bench: Bench, sides: Sequence[Config]) -> float:
    """Machine epsilon of the coarsest number format that any of `sides` computes in."""
    own = torch.finfo(compute_dtype(bench, sides)).eps
    tf32 = bench.device.type == "cuda" and any(side.tf32 for side in sides)
    return max(own, _TF32) if tf32 else own
