"""Which calls matter, by the name of what is called: loading, tokenising, generating, and what changes a model."""

import ast
from collections.abc import Mapping
from typing import Any

from workbench.pasted.values import Call, Dotted, Entries, Given, Made, Part, Unknown

# methods of a model that give the model back, as far as the script can tell
RETURNS_MODEL = frozenset(
    {"to", "cuda", "cpu", "half", "float", "bfloat16", "eval", "train", "requires_grad_", "to_bettertransformer"}
    | {"reverse_bettertransformer", "gradient_checkpointing_enable", "compile", "resize_token_embeddings"}
)
# functions that take a model first and give one back
WRAPPERS = frozenset({"compile", "DataParallel", "DistributedDataParallel", "quantize_dynamic", "prepare", "transform"})
_WRAPPING = frozenset(
    {"torch.compile", "BetterTransformer.transform", "accelerator.prepare", "PeftModel.from_pretrained"}
    | {"get_peft_model", "prepare_model_for_kbit_training"}
)
# libraries whose models are not transformers' own
FOREIGN = frozenset(
    {"AutoGPTQForCausalLM", "AutoAWQForCausalLM", "GPTQModel", "ORTModelForCausalLM", "FastLanguageModel"}
)
_FOREIGN_CALLS = frozenset({"LLM", "Llama", "vllm.LLM", "llama_cpp.Llama", "Llama.from_pretrained"})
_TOKENIZING = frozenset({"apply_chat_template", "encode", "encode_plus", "batch_encode_plus", "pad"})
_POSITIONS = {  # names of positional arguments
    "load": ("pretrained_model_name_or_path",),
    "tokenizer": ("pretrained_model_name_or_path",),
    "config": ("pretrained_model_name_or_path",),
    "pipeline": ("task", "model", "config", "tokenizer"),
    "tokenize": ("text", "text_pair"),
    "generate": ("inputs", "generation_config"),
    "pipe_call": ("text_inputs",),
    "foreign": ("model",),
}


def dotted(node: ast.AST, names: Mapping[str, Any]) -> str:
    """The dotted name that `node` writes, its first part as it was imported; "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    first = names.get(node.id)
    return ".".join([first.name if isinstance(first, Dotted) else node.id, *reversed(parts)])


def name_of(function: Any) -> str:
    if isinstance(function, Dotted):
        return function.name
    if isinstance(function, Part):
        return function.name
    return "()" if isinstance(function, Made) else ""


def classify(call: Call, function: Any) -> Any:
    """Names the call's kind and its positional arguments; returns what the call stands for."""
    value = _of_library(call, function) if isinstance(function, Dotted) else _of_object(call, function)
    for name, each, words in zip(_POSITIONS.get(call.kind, ()), call.values, call.node.args, strict=False):
        if name not in call.given:
            call.given[name] = Given(name, each, words, words, "position", call.node)
    return value


def _of_library(call: Call, function: Dotted) -> Any:
    owner, _, last = function.name.rpartition(".")
    cls = owner.rpartition(".")[2]
    tail = f"{cls}.{last}" if cls else last
    wrapped = call.values[0] if call.values and isinstance(call.values[0], Made) else None
    if wrapped is not None and wrapped.kind == "model" and (tail in _WRAPPING or last in WRAPPERS or last in _WRAPPING):
        return _on(call, wrapped, "wrap")
    if (last in ("from_pretrained", "from_quantized", "load") and cls in FOREIGN) or function.name in _FOREIGN_CALLS:
        return _made(call, "foreign", "foreign")
    if last == "from_pretrained" and cls:
        return _from_pretrained(call, cls)
    match last:
        case "pipeline":
            return _made(call, "pipeline", "pipeline")
        case "BitsAndBytesConfig":
            return _made(call, "bnb", "bnb")
        case "GenerationConfig":
            return _made(call, "generation_config", "generation_config")
        case "device" if cls == "torch" and call.values:
            return call.values[0]
    return Unknown(call.line)


def _from_pretrained(call: Call, cls: str) -> Any:
    if "Tokenizer" in cls or "Processor" in cls:
        return _made(call, "tokenizer", "tokenizer")
    if cls == "GenerationConfig":
        return _made(call, "generation_config", "plain")
    if cls.endswith("Config"):
        return _made(call, "config", "config")
    if cls.startswith("AutoModel") or "For" in cls or cls.endswith(("Model", "LMHeadModel")):
        return _made(call, "model", "load")
    return Unknown(call.line)


def _made(call: Call, kind: str, kind_of_call: str) -> Made:
    call.kind = kind_of_call
    return Made(kind, call)


def _on(call: Call, made: Made, kind: str) -> Made:
    call.kind, call.made = kind, made
    made.calls.append(call)
    return made


def _of_object(call: Call, function: Any) -> Any:
    if isinstance(function, Made):
        return _called(call, function)
    if not isinstance(function, Part):
        return Unknown(call.line)
    made, method = function.made, function.name
    match made.kind:
        case "tokenizer" if method in _TOKENIZING:
            _on(call, made, "tokenize")
            return Made("inputs", call)
        case "tokenizer":
            _on(call, made, "method")
            return Unknown(call.line)
        case "model" if method in ("generate", "generation.generate", "module.generate"):
            _on(call, made, "generate")
            return Unknown(call.line)
        case "model":
            _on(call, made, "method")
            return made if method in RETURNS_MODEL else Unknown(call.line)
        case "inputs" if method in ("to", "cuda"):
            call.kind, call.made = "moved", made
            return made
        case "inputs" if method.endswith((".to", ".cuda")):
            call.kind, call.made = "moved", made
            return Part(made, method.rpartition(".")[0])
        case "generation_config" if method == "update":
            made.sets |= call.given
    return Unknown(call.line)


def _called(call: Call, made: Made) -> Any:
    match made.kind:
        case "tokenizer":
            _on(call, made, "tokenize")
            return Made("inputs", call)
        case "pipeline":
            _on(call, made, "pipe_call")
        case "model":
            _on(call, made, "forward")
    return Unknown(call.line)


def entries_of(value: Any) -> dict[str, Given]:
    """The entries of a dictionary that the script writes; of anything else none."""
    return value.given if isinstance(value, Entries) else {}
