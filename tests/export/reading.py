"""The knobs that an exported file sets, read from its code: nothing is run."""

import ast
from typing import Any

from tests.export.quantised import quantised
from workbench.engine.scope import SDPA_BACKENDS
from workbench.knobs.budgets import written


def call_of(tree: ast.AST, name: str) -> ast.Call:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == name]
    assert len(found) == 1, name
    return found[0]


def keywords(call: ast.Call) -> dict[str, str]:
    return {keyword.arg or "**": ast.unparse(keyword.value) for keyword in call.keywords}


def literals(call: ast.Call) -> dict[str, Any]:
    found = {}
    for keyword in call.keywords:
        try:
            found[keyword.arg or "**"] = ast.literal_eval(keyword.value)
        except ValueError:
            continue
    return found


def read_back(tree: ast.Module) -> dict[str, Any]:
    """The knobs that an exported file sets, read from its code: nothing is run."""
    values = {ast.unparse(each.targets[0]): each.value for each in ast.walk(tree) if isinstance(each, ast.Assign)}
    load, run = call_of(function(tree, "load"), "AutoModelForCausalLM.from_pretrained"), call_of(tree, "model.generate")
    assert literals(load)["use_safetensors"] is True
    assert "trust_remote_code" not in keywords(load)
    assert "arguments" in stars(run)
    assert "model.generation_config.pad_token_id" in values
    generation = ast.literal_eval(values["GENERATION"])
    text, attention = ast.unparse(tree), keywords(run).get("attention_mask")
    found: dict[str, Any] = {
        "attention": literals(load)["attn_implementation"],
        "dtype": ast.unparse(keyword(load, "dtype")).removeprefix("torch.").strip("'"),
        "attention_mask": next(name for name, mask in MASKS.items() if mask == attention),
        "cache": generation.pop("cache_implementation", "dynamic"),
        "cache_length": generation.pop("max_cache_len", "auto"),
        "device": DEVICES[ast.unparse(values["DEVICE"])],
        "eos_token_ids": literal_of(values["eos_token_ids"]) or "auto",
        "padding_side": literal_of(values["tokenizer.padding_side"]),
        "pad_token": pad_token(values["tokenizer.pad_token"], text),
        "tf32": "torch.set_float32_matmul_precision('high')" in text,
        "offloaded_layers": literal_of(values["OFFLOADED_LAYERS"]) if "OFFLOADED_LAYERS" in values else 0,
        **spread(load, values),
        "cudnn_benchmark": "torch.backends.cudnn.benchmark = True" in text,
        "waiting": literal_of(values["os.environ['OMP_WAIT_POLICY']"]).lower(),
        "pinning": "cores" if "os.environ['OMP_PROC_BIND']" in values else "off",
        "allocator": allocator(values.get("os.environ['PYTORCH_CUDA_ALLOC_CONF']")),
        **quantised(tree),
        **drafts(tree, generation),
        **around_run(tree),
        **compiled(tree),
        **stops(tree),
    }
    cache = generation.pop("cache_config", {})
    found |= {"cache_backend": cache.get("backend"), "cache_bits": cache.get("nbits", "auto")} if cache else {}
    threads = [each for each in ast.walk(tree) if isinstance(each, ast.Call) and "set_num_threads" in ast.unparse(each)]
    found["threads"] = literal_of(threads[0].args[0]) if threads else "auto"
    generation.pop("disable_compile", None)
    if generation["do_sample"]:
        generation["min_p"] = generation["min_p"] or 0.0
        found["seed"] = literal_of(call_of(tree, "torch.manual_seed").args[0]) or "random"
    return {**found, **generation}


def spread(load: ast.Call, values: dict[str, ast.expr]) -> dict[str, Any]:
    """Over places by the libraries, or over ranks."""
    said, ranks = literals(load), "distributed_config" in keywords(load)
    word = said.get("device_map")
    return {
        "device_map": word if isinstance(word, str) else "none",
        "max_memory": written(said["max_memory"]) if "max_memory" in said else "auto",
        "tp_plan": "auto" if ranks else "none",
        "tp_size": literal_of(values["TP_SIZE"]) if ranks else 2,
    }


def stops(tree: ast.Module) -> dict[str, Any]:
    """What ends the text that the exported `generate` makes."""
    text = call_of(tree, "run")
    assert ("tokenizer" in keywords(text)) is ("stop_strings" in keywords(text))
    found = {"stop_strings": tuple(literals(text).get("stop_strings", ()))}
    if any(isinstance(each, ast.ClassDef) and each.name == "SentenceEnd" for each in tree.body):
        found["stop_at_sentence"] = literals(call_of(tree, "SentenceEnd"))["after"]
    return found


def function(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name)


def drafts(tree: ast.Module, generation: dict[str, Any]) -> dict[str, Any]:
    """Who drafts: an argument of `generate`, the first layers, or a model of its own."""
    values = {ast.unparse(each.targets[0]): each.value for each in ast.walk(tree) if isinstance(each, ast.Assign)}
    if "prompt_lookup_num_tokens" in generation:
        return {"speculation": "prompt_lookup", "speculation_tokens": generation.pop("prompt_lookup_num_tokens")}
    if "assistant_early_exit" in generation:
        tokens = literal_of(values["model.generation_config.num_assistant_tokens"])
        return {"speculation": "early_exit", "speculation_tokens": tokens}
    if "ASSISTANT" not in values:
        return {}
    assert "drafting(model)" in stars(call_of(tree, "model.generate"))
    call_of(function(tree, "drafting"), "AutoModelForCausalLM.from_pretrained")
    return {
        "speculation": "assistant",
        "speculation_tokens": literal_of(values["drafter.generation_config.num_assistant_tokens"]),
        "assistant_model": literal_of(values["ASSISTANT"]),
    }


def stars(call: ast.Call) -> list[str]:
    return [ast.unparse(each.value) for each in call.keywords if each.arg is None]


def keyword(call: ast.Call, name: str) -> ast.expr:
    return next(each.value for each in call.keywords if each.arg == name)


def literal_of(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return tuple(value) if isinstance(value, list) else value


def allocator(node: ast.expr | None) -> str:
    return "default" if node is None else str(literal_of(node)).removesuffix(":True")


def pad_token(node: ast.expr, text: str) -> Any:
    if "if tokenizer.pad_token_id is None" in text:
        return "auto"
    if ast.unparse(node) == "tokenizer.unk_token":
        return "unk"
    assert isinstance(node, ast.Call)
    assert ast.unparse(node.func) == "tokenizer.convert_ids_to_tokens"
    return literal_of(node.args[0]) if literal_of(node.args[0]) is not None else "eos"


def around_run(tree: ast.Module) -> dict[str, Any]:
    """What the decorators of the exported `run` say."""
    run = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "run")
    found = {}
    for each in map(ast.unparse, run.decorator_list):
        if each.startswith("sdpa_kernel(SDPBackend."):
            kernel = each.removeprefix("sdpa_kernel(SDPBackend.").rstrip(")")
            found["sdpa_backend"] = next(name for name, backend in SDPA_BACKENDS.items() if backend.name == kernel)
        elif each != "torch.inference_mode()":  # follows from the format: not a knob
            found["autocast"] = each.removeprefix("torch.autocast(torch.device(DEVICE).type, dtype=torch.").rstrip(")")
    return found


def compiled(tree: ast.Module) -> dict[str, Any]:
    """What the carried loop is made with."""
    if not any(isinstance(each, ast.ClassDef) and each.name == "StaticLoop" for each in tree.body):
        return {}
    assert "loop.arguments(arguments.get('streamer'))" in stars(call_of(tree, "model.generate"))
    loop = keywords(call_of(tree, "StaticLoop"))
    chosen = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "loop_for")
    assert isinstance(chosen.body[0], ast.Assign)
    length = ast.unparse(chosen.body[0].value)
    return {
        "compile": ast.literal_eval(loop["mode"]),
        "freezing": {"True": "on", "False": "off"}.get(loop["freezing"], "auto"),
        "cache_length": "auto" if length == "rounded_length(tokens)" else ast.literal_eval(length),
    }


DEVICES = {"'cuda:0' if torch.cuda.is_available() else 'cpu'": "auto", "'cuda:0'": "cuda", "'cpu'": "cpu"}
MASKS = {
    "tokenizer": "inputs['attention_mask']",
    "ones": "torch.ones_like(inputs['input_ids'])",
    "none": None,
}
