"""What an exported file says of its quantisation, read from its code; and what a Config means by it."""

import ast
import re
from typing import Any

from workbench.config import Config
from workbench.knobs.formats import FORMATS

_TORCHAO = {
    "Int8WeightOnlyConfig": "torchao-int8-weight",
    "Int8DynamicActivationInt8WeightConfig": "torchao-int8-dynamic",
    "Int4WeightOnlyConfig": "torchao-int4-weight",
    "PrototypeInt4WeightOnlyConfig": "torchao-int4-weight",
    "Float8WeightOnlyConfig": "torchao-float8",
}
KNOBS = (
    "quantization",
    "group_size",
    "bnb_double_quant",
    "bnb_threshold",
    "compute_dtype",
    "skip_modules",
    "quantize_head",
)


def meant(config: Config) -> dict[str, Any]:
    """The knobs of a quantisation that matter, their automatic values as they are without a session."""
    found = {name: config[name] for name in KNOBS if config.matters(name)}
    if found["quantization"] == "none":  # of the hub's files nothing is known
        found["quantization"] = "auto"
    if found.get("group_size") == "auto":
        found["group_size"] = FORMATS[config.quantization].group
    if found.get("compute_dtype") == "auto":
        found["compute_dtype"] = config.dtype
    return found


def quantised(tree: ast.Module) -> dict[str, Any]:
    """The same knobs, from the libraries' own config objects and the list of what is left in full."""
    whole = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "load")
    [load] = _calls(whole, "AutoModelForCausalLM.from_pretrained")
    dtype = ast.unparse(_keywords(load)["dtype"]).removeprefix("torch.").strip("'")
    if "BaseQuantizeConfig" in ast.unparse(tree):
        found = _hqq(tree, whole, dtype)
    elif "quantization_config" in _keywords(load):
        assert ast.unparse(_keywords(load)["quantization_config"]) == "quantization"
        [made] = [node.value for node in ast.walk(tree) if _assigns(node, "quantization")]
        found = _of(made, dtype)
    else:
        return {"quantization": "auto"}
    return {**found, "skip_modules": _left(tree), "quantize_head": len(_calls(whole, "quantize_head")) == 1}


def _of(made: Any, dtype: str) -> dict[str, Any]:
    """`made`: the call of a config's class."""
    given = _keywords(made)
    said = {name: _literal(value) for name, value in given.items()}
    match ast.unparse(made.func):
        case "BitsAndBytesConfig" if said.get("load_in_8bit"):
            return {"quantization": "bnb-int8", "bnb_threshold": said["llm_int8_threshold"]}
        case "BitsAndBytesConfig":
            assert said["load_in_4bit"]
            compute = given.get("bnb_4bit_compute_dtype")
            return {
                "quantization": f"bnb-{said['bnb_4bit_quant_type']}",
                "bnb_double_quant": said["bnb_4bit_use_double_quant"],
                "compute_dtype": ast.unparse(compute).removeprefix("torch.") if compute else "auto",
            }
        case "TorchAoConfig":
            inner = made.args[0]
            options = {name: _literal(value) for name, value in _keywords(inner).items()}
            assert options.pop("set_inductor_config") is False
            options.pop("int4_packing_format", None)
            return {"quantization": _TORCHAO[ast.unparse(inner.func)], **options}
        case "QuantoConfig":
            return {"quantization": f"quanto-{said['weights']}"}
        case "FineGrainedFP8Config":
            assert "dequantize" not in said
            return {"quantization": "fp8"}
    raise AssertionError(ast.unparse(made))


def _hqq(tree: ast.Module, load: ast.FunctionDef, dtype: str) -> dict[str, Any]:
    (made, *more), [layer] = _calls(tree, "BaseQuantizeConfig"), _calls(load, "HQQLinear")
    assert all(ast.dump(each) == ast.dump(made) for each in more)  # the head's
    compute = ast.unparse(_keywords(layer)["compute_dtype"])
    return {
        "quantization": f"hqq-int{_literal(_keywords(made)['nbits'])}",
        "group_size": _literal(_keywords(made)["group_size"]),
        "compute_dtype": dtype if compute == "model.dtype" else compute.removeprefix("torch."),
    }


def _left(tree: ast.Module) -> Any:
    """The names in LEFT_IN_FULL without the head, which is always there; "auto": none, or no list at all."""
    found = [node.value for node in ast.walk(tree) if _assigns(node, "LEFT_IN_FULL")]
    assert bool(found) is bool(_calls(tree, "left_in_full"))
    if not found:
        return "auto"
    whole = re.fullmatch(r"\(\?:\^\|\\\.\)\(\?:(.*)\)\(\?:\\\.\|\$\)", _literal(found[0]))
    assert whole
    head, *names = whole[1].split("|")
    assert head == "lm_head"
    return tuple(re.sub(r"\\(.)", r"\1", name.replace("[^.]*", "*")) for name in names) or "auto"


def _assigns(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name


def _calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == name]


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {each.arg: each.value for each in call.keywords if each.arg}


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
