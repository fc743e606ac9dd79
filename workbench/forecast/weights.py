"""Bytes of a model's weights in each number format, state included: scales, zero points, code tables.

Sizes as the libraries keep them (see `workbench.engine.stored` for where); checked in the tests against the census of
loaded models. Where a kernel repacks the weights in the first forward pass, after it.
"""

import math
from dataclasses import dataclass
from typing import Self

from workbench.forecast.plan import Plan
from workbench.forecast.shape import Shape
from workbench.knobs.formats import FORMATS, quantizes
from workbench.knobs.linears import Layout, LinearShape
from workbench.knobs.quantized_layers import group_of, split

_BNB_BLOCK, _BNB_NESTED = 64, 256  # weights, and scales, that share a scale
_BNB_CODE, _BNB_NESTED_CODE = 16 * 4, 256 * 4  # bytes of the code tables of one layer
_FP8_BLOCK = 128
_TILE = (8, 1024)  # torchao pads rows and columns to multiples of these on CUDA
_QUANTO_SCALES = 2 * 4  # of in- and output, beside every layer
_ROUGH_STATE = {4: 4 / 64, 8: 4 / 1024}  # bytes a weight, where the rows are not known


@dataclass(frozen=True)
class WeightBytes:
    """Of all weights: the input table · a head of its own · routed experts · everything else.

    quantized_share  of all values
    """

    embedding: int
    head: int
    experts: int
    rest: int
    quantized_share: float
    _own_head: bool
    _shape: Shape

    @classmethod
    def of(cls, shape: Shape, plan: Plan) -> Self:
        parts = shape.parts
        embedding, head, experts = (parts.embedding, parts.head, parts.experts) if parts else (0, 0, 0)
        rest = shape.values - embedding - head - experts
        taken_rest, taken_experts, saved_rest, saved_experts = _quantized(shape, plan, rest)
        head_bytes, taken_head, copied = head * plan.wide, 0, 0
        if parts and (layer := _quantized_head(shape, plan)):
            head_bytes, taken_head = layer_bytes(layer, plan), layer.values
            copied = 0 if head else layer.values
        return cls(
            embedding=embedding * plan.wide,
            head=head_bytes,
            experts=(experts - taken_experts) * plan.wide + saved_experts,
            rest=(rest - taken_rest) * plan.wide + saved_rest,
            quantized_share=(taken_rest + taken_experts + taken_head) / (shape.values + copied),
            _own_head=bool(head_bytes),
            _shape=shape,
        )

    @property
    def total(self) -> int:
        return self.embedding + self.head + self.experts + self.rest

    def unread_experts(self, rows: int) -> float:
        """Bytes of the routed experts that no row of a decode step chooses."""
        parts = self._shape.parts
        if parts is None or not parts.experts:
            return 0.0
        return self.experts * (1 - parts.experts_per_token / parts.experts_per_layer) ** rows

    def step(self, rows: int) -> float:
        """Bytes that one decode step reads: an untied embedding table is looked up, not read."""
        looked_up = self.embedding if self._own_head else 0
        return self.total - looked_up - self.unread_experts(rows)


def _quantized(shape: Shape, plan: Plan, rest: int) -> tuple[int, int, int, int]:
    """(values, values in experts, bytes, bytes of experts) of what the format takes."""
    if not quantizes(plan.format):
        return 0, 0, 0, 0
    chosen = FORMATS[plan.format]
    if shape.layers is None:
        return rest, 0, math.ceil(rest * (chosen.bits / 8 + _ROUGH_STATE[chosen.bits])), 0
    taken = split(Layout(shape.layers, 0), plan.values, repacks=plan.repacks, files=plan.from_files).quantized
    layers, experts = [one for one in taken if not one.experts], [one for one in taken if one.experts]
    return (
        sum(one.values for one in layers),
        sum(one.values for one in experts),
        sum(layer_bytes(one, plan) for one in layers),
        sum(layer_bytes(one, plan) for one in experts),
    )


def _quantized_head(shape: Shape, plan: Plan) -> LinearShape | None:
    """The head, where it is quantised too: its kernels and groups ask of its rows what they ask of a layer's."""
    if not quantizes(plan.format) or plan.from_files or not plan.values.get("quantize_head"):
        return None
    rows, columns = shape.config.get("vocab_size"), shape.config.get("hidden_size")
    if not rows or not columns:
        return None
    head = LinearShape("lm_head", "mlp", int(rows), int(columns))
    return next(
        iter(split(Layout((head,), 0), {**plan.values, "skip_modules": "auto"}, repacks=plan.repacks).quantized), None
    )


def layer_bytes(layer: LinearShape, plan: Plan) -> int:
    """Of one quantised layer, or of the fused experts of one."""
    rows, columns = layer.rows, layer.columns
    values, chosen = rows * columns, FORMATS[plan.format]
    match plan.format:
        case "bnb-int8":
            return values + 4 * rows
        case "bnb-nf4" | "bnb-fp4":
            return _ceil(values, 2) + _bnb_state(values, plan)
        case "torchao-int8-weight" | "torchao-int8-dynamic":
            return values + (4 + 1) * rows  # scale, zero point
        case "torchao-float8":
            return values + 4 * rows
        case "torchao-int4-weight":
            if plan.cuda:
                rows, columns = _up(rows, _TILE[0]), _up(columns, _TILE[1])
            return _ceil(rows * columns, 2) + 2 * 2 * rows * (columns // (group_of(chosen, plan.values) or columns))
        case "quanto-int8":
            return values + plan.activation * rows + _QUANTO_SCALES
        case "quanto-int4":
            groups = values // (_quanto_group(columns) or columns)
            return _ceil(values, 2) + 2 * plan.activation * groups + _QUANTO_SCALES
        case "hqq-int4" | "hqq-int8":
            groups = values // (group_of(chosen, plan.values) or columns)
            return _ceil(values * chosen.bits, 8) + 2 * plan.activation * groups
        case "gptq" | "awq":  # zero points in 4 bits, scales in 16; on a CPU both in 16, and once more for the kernel
            groups = _ceil(columns, group_of(chosen, plan.values) or columns)
            state = groups * (rows // 2 + 2 * rows) if plan.cuda else 4 * plan.activation * groups * rows
            return _ceil(values, 2) + state + (4 * columns if plan.format == "gptq" else 0)  # the order of the columns
        case "fp8":
            blocks = _ceil(rows, _FP8_BLOCK) * _ceil(columns, _FP8_BLOCK)
            return (values + 4 * blocks) * max(layer.experts, 1)
    raise AssertionError(f"no size for {plan.format}")


def _bnb_state(values: int, plan: Plan) -> int:
    blocks = _ceil(values, _BNB_BLOCK)
    if plan.repacks:  # scales in bfloat16, those of double quantisation expanded; its offset stays
        return _BNB_CODE + 2 * blocks + (4 if plan.values.get("bnb_double_quant") else 0)
    if plan.values.get("bnb_double_quant"):
        return _BNB_CODE + blocks + 4 * _ceil(blocks, _BNB_NESTED) + _BNB_NESTED_CODE + 4
    return _BNB_CODE + 4 * blocks


def _quanto_group(columns: int) -> int | None:
    """quanto 0.2.7 nn/qmodule.py: 128, less by steps of 32 until it divides; else one for each row."""
    if columns <= 128:
        return None
    return next((size for size in (128, 96, 64, 32) if columns % size == 0), None)


def _ceil(number: int, by: int) -> int:
    return -(-number // by)


def _up(number: int, to: int) -> int:
    return _ceil(number, to) * to
