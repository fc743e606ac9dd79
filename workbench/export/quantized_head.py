"""How the exported code quantises the output head, which the libraries' loaders leave in full."""

from workbench.export.piece import Piece
from workbench.export.python import literal
from workbench.export.request import Request
from workbench.knobs.formats import FORMATS

_BEFORE = '''\
def quantize_head(model, quantization):
    """Quantise the output head too; one that is the embedding becomes a copy."""
    head = model.get_output_embeddings()
    with torch.device("meta"):
        layer = torch.nn.Linear(
            head.in_features, head.out_features, bias=head.bias is not None
        )
    layer.weight = torch.nn.Parameter(head.weight.detach(), requires_grad=False)
    layer.bias = head.bias
'''
_AFTER = """\
    model.set_output_embeddings(layer)
    model.config.tie_word_embeddings = False
"""
_TORCHAO = """\
    quantize_(layer, quantization.quant_type, filter_fn=lambda one, _: one is layer)
"""
_QUANTO = """\
    layer = QLinear.from_module(layer, weights=KIND)
    layer.freeze()
"""
_HQQ = """\
    layer = HQQLinear(
        layer,
        BaseQuantizeConfig(nbits=BITS, group_size=GROUP),
        compute_dtype=layer.weight.dtype,
        device=str(layer.weight.device),
    )
"""
_BNB_INT8 = """\
    made = Linear8bitLt(
        layer.in_features,
        layer.out_features,
        bias=False,
        has_fp16_weights=False,
        threshold=quantization.llm_int8_threshold,
    )
    made.weight = Int8Params(layer.weight.cpu(), requires_grad=False)
    made.bias = layer.bias
    layer = made.to(head.weight.device)
"""
_BNB_4BIT = """\
    made = Linear4bit(
        layer.in_features,
        layer.out_features,
        bias=False,
        compute_dtype=quantization.bnb_4bit_compute_dtype,
    )
    made.weight = Params4bit(
        layer.weight.cpu(),
        requires_grad=False,
        compress_statistics=quantization.bnb_4bit_use_double_quant,
        quant_type=quantization.bnb_4bit_quant_type,
        module=made,
    )
    made.bias = layer.bias
    layer = made.to(head.weight.device)
"""
_IN_FULL = "type(model.get_output_embeddings().weight) is torch.nn.Parameter"


def piece(request: Request, group: int | None) -> Piece:
    """Nothing where the head stays as it is, by the config or by what the kernels refused in the session."""
    config = request.config
    refused = request.resolved is not None and "quantize_head" in request.resolved.why
    if not (config.matters("quantize_head") and config.quantize_head) or refused:
        return Piece()
    imports, body = _made_by(config.quantization, group)
    given = "None" if FORMATS[config.quantization].package == "hqq" else "quantization"
    return Piece(
        places={
            "late_imports": imports,
            "functions": ["", *(_BEFORE + body + _AFTER).rstrip().split("\n"), ""],
            "in_place": [f"quantize_head(model, {given})"],
            "ran": [f'"head_in_full": {_proof(config.quantization)},'],
            "promised": ['"head_in_full": False,'],
        }
    )


def _made_by(name: str, group: int | None) -> tuple[list[str], str]:
    """(imports, lines that make a quantised `layer` of the one in full)"""
    match FORMATS[name].package:
        case "torchao":
            return ["from torchao.quantization import quantize_"], _TORCHAO
        case "optimum-quanto":
            kind = "qint4" if name == "quanto-int4" else "qint8"
            return [f"from optimum.quanto import QLinear, {kind}"], _QUANTO.replace("KIND", kind)
        case "hqq":
            bits = name.removeprefix("hqq-int")
            return [], _HQQ.replace("BITS", bits).replace("GROUP", literal(group))
        case _ if name == "bnb-int8":
            return ["from bitsandbytes.nn import Int8Params, Linear8bitLt"], _BNB_INT8
        case _:
            return ["from bitsandbytes.nn import Linear4bit, Params4bit"], _BNB_4BIT


def _proof(name: str) -> str:
    """HQQ's layer has no weight by that name."""
    if FORMATS[name].package == "hqq":
        return "type(model.get_output_embeddings()) is torch.nn.Linear"
    return _IN_FULL
