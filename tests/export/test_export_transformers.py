"""The exported file: valid and formatted for every Config, and doing what the Config says."""

import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export.quantised import meant, quantised
from workbench import export
from workbench.config import Config
from workbench.engine import static_loop
from workbench.engine.quantizing import fp8
from workbench.engine.scope import SDPA_BACKENDS
from workbench.errors import CapabilityError, ConfigError, ModelError
from workbench.knobs import KNOBS, Choice, Number, Toggle, TokenIds
from workbench.knobs.decoding import CACHE_BITS
from workbench.knobs.formats import FORMATS
from workbench.knobs.kinds import Names, Texts
from workbench.probes import sentence_end

Make = Callable[..., Any]
HUB_ID = "deepseek-ai/deepseek-llm-7b-base"
NAMES = ["down_proj", "layers.0.mlp", "layers.*.self_attn"]


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, Choice):
        return st.sampled_from(kind.values)
    if isinstance(kind, Toggle):
        return st.booleans()
    if isinstance(kind, Number):
        number = st.integers(int(kind.low), int(kind.high)) if kind.integer else st.floats(kind.low, kind.high)
        return st.one_of(number, *([st.sampled_from(kind.words)] if kind.words else []))
    if isinstance(kind, Texts):
        return st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=4)
    if isinstance(kind, Names):
        return st.one_of(st.sampled_from(kind.words), st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    ids = st.lists(st.integers(0, 200_000), min_size=1, max_size=4) if kind.many else st.integers(0, 200_000)
    assert isinstance(kind, TokenIds)
    return st.one_of(st.sampled_from(kind.words), ids)


CALIBRATED = {name for name, entry in FORMATS.items() if entry.calibrated}


@st.composite
def configs(draw: st.DrawFn) -> Config:
    values = {name: draw(values_of(knob.kind)) for name, knob in KNOBS.items()}
    if values["do_sample"] and values["temperature"] == 0.0:
        values["temperature"] = 0.7
    if values["cache_bits"] != "auto":
        values["cache_bits"] = draw(st.sampled_from(CACHE_BITS[values["cache_backend"]]))
    if values["speculation"] != "off":
        values |= {"compile": "off", "cache": "dynamic", "stop_strings": (), "stop_at_sentence": "off"}
    if values["compile"] != "off" or values["quantization"] not in ("none", "auto"):
        values["offloaded_layers"] = 0
    if values["speculation"] == "assistant":
        values["assistant_model"] = draw(st.sampled_from(ASSISTANTS))
    if values["quantization"] in CALIBRATED:  # of a model that is not on this disk there is no copy
        values["quantization"] = "none"
    return Config(**values)


ASSISTANTS = ("deepseek-ai/deepseek-llm-1b", "owner/name.with-dots")


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


@given(configs())
def test_every_config_becomes_code_that_says_the_same(config: Config) -> None:
    code = export.render("transformers", config, model=HUB_ID)
    compile(code, "load_model.py", "exec")
    read = read_back(ast.parse(code))
    carried = {name: value for name, value in config.items() if config.matters(name)} | meant(config)
    if carried.get("seed") == 0:  # the file's own, where none was chosen
        carried["seed"] = "random"
    if carried.get("waiting") == "auto":  # on a machine that was not measured
        carried["waiting"] = "passive"
    assert {name: read.get(name, KNOBS[name].default) for name in carried} == carried
    assert Config.from_json(config.to_json()) == config


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
        "cudnn_benchmark": "torch.backends.cudnn.benchmark = True" in text,
        "waiting": literal_of(values["os.environ['OMP_WAIT_POLICY']"]).lower(),
        "pinning": "cores" if "os.environ['OMP_PROC_BIND']" in values else "off",
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
        else:
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


@pytest.mark.parametrize(
    ("module", "changes", "name"),
    [
        (static_loop, {"compile": "default"}, "StaticLoop"),
        (sentence_end, {"stop_at_sentence": 4}, "SentenceEnd"),
    ],
)
def test_what_is_carried_is_the_engines_own_word_for_word(module: Any, changes: dict[str, Any], name: str) -> None:
    engines = Path(module.__file__).read_text(encoding="utf-8")
    carried = export.render("transformers", Config(**changes), model=HUB_ID)
    written = {part for part in ast.parse(engines).body if isinstance(part, ast.ClassDef | ast.FunctionDef)}
    assert {part.name for part in written} >= {name}
    for part in written:
        assert ast.get_source_segment(engines, part) in carried


FOLDER_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
AWKWARD = ["it's", 'a "b"', "b\nimport os", "$(id) `id`", "\\", "# -*- coding: utf-7 -*-", "{0} %s $MODEL", "x.gguf\n"]
AWKWARD += ["line\u2028separator\u2029s\x85\x0b", "\u202eright to left\u2066", "'''\"\"\"", "a\rimport os", "\ufeff# x"]


def bare_model(folder: Path) -> str:
    """A directory that passes for a model as long as nobody loads it."""
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    return str(folder)


def check_only_text(model: str, revision: str | None = None) -> None:
    """The code has the shape of any other, and the name is one string in it."""
    code = export.render("transformers", Config(), model=model, revision=revision)
    tree = ast.parse(code.encode())
    assigned = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    strings = [ast.literal_eval(node) for node in ast.walk(assigned["MODEL"]) if isinstance(node, ast.Constant)]
    assert (str(Path(model).resolve()) if Path(model).exists() else model) in strings
    assert [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import)] == [
        *("import os", "import sys", "import warnings", "import torch"),
    ]
    assert len([node for node in tree.body if isinstance(node, ast.Expr)]) == 0
    if revision:
        assert literals(call_of(tree, "AutoTokenizer.from_pretrained"))["revision"] == revision


@given(FOLDER_NAMES.filter(lambda name: name not in (".", "..") and len(name.encode()) < 200))
def test_no_folder_name_becomes_code(name: str) -> None:
    with tempfile.TemporaryDirectory() as parent:
        check_only_text(bare_model(Path(parent) / name))


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_folder_names_are_only_text(tmp_path: Path, name: str) -> None:
    check_only_text(bare_model(tmp_path / name))


@given(st.text(min_size=1, max_size=40))
def test_no_revision_becomes_code(revision: str) -> None:
    check_only_text(HUB_ID, revision)


@pytest.mark.parametrize("model", ["", "a b", "https://x.example/y", "owner/name; rm", "no/such/folder"])
def test_what_is_no_model_is_refused(model: str) -> None:
    with pytest.raises(ModelError):
        export.render("transformers", Config(), model=model)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"do_sample": True, "cache": "static", "dtype": "float16", "threads": 3, "cache_length": 512},
        {"cache": "quantized", "cache_backend": "hqq", "cache_bits": 8, "sdpa_backend": "math", "autocast": "bfloat16"},
        {"compile": "max-autotune", "tf32": True, "cudnn_benchmark": True, "attention_mask": "ones"},
        {"quantization": "bnb-nf4", "skip_modules": ["down_proj", "layers.0.mlp"]},
        {"quantization": "torchao-int4-weight", "compile": "default"},
        {"quantization": "hqq-int8"},
        {"stop_at_sentence": 8, "stop_strings": ["\n\n", '"END"'], "do_sample": True, "seed": 3},
        {"stop_at_sentence": 8, "compile": "default"},
    ],
    ids=["default", "static", "quantized", "compiled", "nf4", "int4", "hqq", "stops", "compiled-stops"],
)
@pytest.mark.parametrize("model", [HUB_ID, "a/" + "very-long-name" * 5, "a/" + "longer" * 12])
@pytest.mark.parametrize("measured", [False, True])
def test_ruff_neither_reformats_nor_complains(
    tmp_path: Path, changes: dict[str, Any], model: str, measured: bool, measurement: Make, resolved: Make
) -> None:
    known: dict[str, Any] = {"measurement": measurement(), "resolved": resolved()} if measured else {}
    file = tmp_path / "load_model.py"
    file.write_text(export.render("transformers", Config(**changes), model=model, revision="main", **known))
    for command in (["format", "--diff"], ["check"]):
        words = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(file)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_code_that_mends_fp8_files_is_formatted_and_carries_the_engines_own_words(tmp_path: Path) -> None:
    folder = Path(bare_model(tmp_path / "v3"))
    entry = {"quant_method": "fp8", "weight_block_size": [128, 64]}
    (folder / "config.json").write_text(json.dumps({"model_type": "deepseek_v3", "quantization_config": entry}))
    kept = export.render("transformers", Config(quantization="auto"), model=str(folder))
    assert "FineGrainedFP8Config" not in kept
    assert '"quantized": True' in kept
    code = export.render("transformers", Config(quantization="none", dtype="float32"), model=str(folder))
    assert "@whole_blocks((128, 64))\ndef load():" in code
    engines = Path(fp8.__file__).read_text(encoding="utf-8")
    for part in ast.parse(engines).body:
        if isinstance(part, ast.FunctionDef) and part.name in ("whole_blocks", "_is_right"):
            assert (ast.get_source_segment(engines, part) or "missing") in code
    file = tmp_path / "load_model.py"
    file.write_text(code)
    for command in (["format", "--diff"], ["check"]):
        words = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(file)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_calibrated_weights_need_the_copy_that_is_here(tmp_path: Path, workbench_home: Path) -> None:
    with pytest.raises(CapabilityError, match=r"workbench quantize .* --method awq"):
        export.render("transformers", Config(quantization="awq"), model=HUB_ID)


def test_environment_is_set_before_torch_is_imported() -> None:
    code = export.render("transformers", Config(), model=HUB_ID)
    assert code.index('os.environ["OMP_WAIT_POLICY"] = "PASSIVE"') < code.index("import torch")


def test_what_was_chosen_for_auto_is_written_down(resolved: Make) -> None:
    state = resolved(dtype="bfloat16", threads=3, eos_token_ids=(7, 8))
    code = export.render("transformers", Config(), model=HUB_ID, resolved=state)
    assert "dtype=torch.bfloat16" in code
    assert "torch.set_num_threads(3)" in code
    assert "eos_token_ids = [7, 8]" in code


def test_a_difference_between_asked_and_ran_is_in_the_header(resolved: Make) -> None:
    code = export.render("transformers", Config(threads=4), model=HUB_ID, resolved=resolved(threads=2))
    assert "# but     asked threads 4, but 2 is in force" in code


def test_header_has_the_numbers_their_intervals_and_their_conditions(measurement: Make) -> None:
    made = export.snippet("transformers", Config(), model=HUB_ID, measurement=measurement())
    assert "16.7 tok/s   [16.2, 17.1]" in made.code
    assert "85.3 ms   [83.0, 87.6]" in made.code
    assert "257 MiB" in made.code
    assert "p99 not measured   n = 45" in made.code
    assert "batch 1, 64 prompt tokens, 16 new tokens, greedy, 3 repeats, transformers.generate" in made.code
    assert made.expected["decode_tps"] == 16.68
    assert list(made.files) == ["load_model.py", "check_model.py", "expected.json"]
    assert made.files["load_model.py"] == made.code


def test_versions_are_pinned_without_local_parts() -> None:
    line = next(line for line in export.render("transformers", Config(), model=HUB_ID).splitlines() if "pip" in line)
    torch = metadata.version("torch").partition("+")[0]
    assert f"torch=={torch} " in line
    assert "+" not in line


def test_recorded_versions_are_those_that_the_file_asks_for() -> None:
    recorded = {"torch": "2.11.0+cu128", "transformers": "5.17.0", "bitsandbytes": "0.48.1"}
    code = export.render("transformers", Config(quantization="bnb-nf4"), model=HUB_ID, versions=recorded)
    assert "pip install torch==2.11.0 transformers==5.17.0 bitsandbytes==0.48.1\n" in code
    values = {ast.unparse(each.targets[0]): each.value for each in ast.parse(code).body if isinstance(each, ast.Assign)}
    wanted = {name: version.partition("+")[0] for name, version in recorded.items()}
    assert ast.literal_eval(values["VERSIONS"]) == wanted


def test_static_cache_says_what_it_switches_off() -> None:
    code = export.render("transformers", Config(cache="static"), model=HUB_ID)
    assert '"disable_compile": True,' in code
    assert "On CUDA generate compiles by itself" in code
    assert "compile" not in export.render("transformers", Config(), model=HUB_ID)


def test_random_weights_have_no_loader_but_a_config() -> None:
    with pytest.raises(ModelError, match="random weights") as caught:
        export.render("transformers", Config(), model="random:deepseek-llm-7b-base")
    assert "'json'" in caught.value.next_step
    text = export.render("json", Config(attention="eager"), model="random:deepseek-llm-7b-base")
    assert Config.from_json(text) == Config(attention="eager")


def test_demo_that_was_never_converted_says_how(workbench_home: Path) -> None:
    with pytest.raises(ModelError, match="Session\\('demo'\\)"):
        export.render("transformers", Config(), model="demo")


def test_unknown_target_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Nearest match: transformers"):
        export.render("transformer", Config(), model=HUB_ID)


def test_waiting_and_pinning_go_home_with_the_loader() -> None:
    before = export.render("transformers", Config(waiting="active", pinning="cores"), model=HUB_ID).partition(
        "import torch"
    )[0]
    for line in ('["OMP_WAIT_POLICY"] = "ACTIVE"', '["OMP_PROC_BIND"] = "close"', '["OMP_PLACES"] = "cores"'):
        assert f"os.environ{line}" in before
    assert "OMP_PROC_BIND" not in export.render("transformers", Config(), model=HUB_ID)
