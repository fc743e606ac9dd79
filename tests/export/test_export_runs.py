"""The exported file really runs: in a fresh process in which the workbench cannot be imported."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from workbench import export
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine import fp8_files, random_model
from workbench.engine.engine import Engine
from workbench.probes.context import Context
from workbench.session import Session

pytestmark = pytest.mark.model

PROMPTS = ["the sea is deep and the sky is", "one"]

# runs a file as `python file` would, without the workbench; then asks its functions for token ids
CALLER = """
import json, runpy, sys
sys.modules["workbench"] = None  # every import of it fails
sys.path += json.loads(sys.argv[3])  # packages that these tests were given by PYTHONPATH
made = runpy.run_path(sys.argv[1], run_name="load_model")
tokenizer, model = made["load"]()
made["torch"].manual_seed(0)
print(json.dumps({
    "ids": made["generate"](tokenizer, model, json.loads(sys.argv[2]), max_new_tokens=8),
    "attention": model.config._attn_implementation,
    "dtype": str(model.dtype),
    "pad": tokenizer.pad_token_id,
    "eos": model.generation_config.eos_token_id,
    "side": tokenizer.padding_side,
    "threads": made["torch"].get_num_threads(),
    "policy": __import__("os").environ["OMP_WAIT_POLICY"],
}))
"""


# torch's own modules, which come with its compiler; packages that compile at import bring them too
QUIET = ("-W", "ignore:`torch.jit.script_method`:DeprecationWarning", "-W", "ignore:TypedStorage:UserWarning")


def fresh(words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """A process with nothing of ours in its environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-I", "-W", "error", *QUIET, *words],
        env={**kept, "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def ask(file: Path, prompts: list[str], **environment: str) -> dict[str, Any]:
    packages = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    done = fresh(["-c", CALLER, str(file), json.dumps(prompts), json.dumps(packages)], **environment)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with a word tokenizer that knows no chat and no pad token, saved as float32."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp('it\'s a "tiny" model $(x)')
    known = "<unk> <end> the sea sky is deep one and Explain in two sentences what KV cache of a language model for ."
    words = {word: index for index, word in enumerate(known.split())}
    rules = Tokenizer(WordLevel(words, unk_token="<unk>"))
    rules.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=rules, unk_token="<unk>", eos_token="<end>").save_pretrained(folder)
    torch.manual_seed(3)
    shape = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=1,
        eos_token_id=1,
        initializer_range=0.5,  # far from uniform, so that two ways of computing agree on the likeliest token
    )
    LlamaForCausalLM(shape).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def random_llama(tmp_path_factory: pytest.TempPathFactory, demo_home: Path) -> Path:
    """One layer with random weights and the demo's tokenizer, which the engine opens as any model."""
    folder = tmp_path_factory.mktemp("llama")
    spec = random_model.parse("random:deepseek-llm-7b-base?scale=tiny&layers=1")
    for part in random_model.build(spec, torch.float32, torch.device("cpu")):
        part.save_pretrained(folder)
    return folder


def write(folder: Path, code: str) -> Path:
    file = folder / "load_model.py"
    file.write_text(code, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "changes",
    [
        {"attention": "eager", "dtype": "float32", "threads": 1},
        {"attention": "sdpa", "dtype": "bfloat16", "cache": "static", "pad_token": "unk", "eos_token_ids": [8, 1]},
        {"padding_side": "right", "pad_token": 4, "do_sample": True, "temperature": 0.7, "top_k": 3, "device": "cpu"},
    ],
    ids=["eager", "static", "sampling"],
)
def test_a_fresh_process_has_what_was_exported(directory: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    config = Config(**changes)
    seen = ask(write(tmp_path, export.render("transformers", config, model=str(directory))), PROMPTS)
    assert seen["attention"] == config.attention
    assert seen["dtype"] == f"torch.{'float32' if config.dtype == 'auto' else config.dtype}"
    assert seen["pad"] == {"auto": 1, "unk": 0, 4: 4}[config.pad_token]
    assert seen["eos"] == ([1] if config.eos_token_ids == "auto" else list(config.eos_token_ids))
    assert seen["side"] == config.padding_side
    assert seen["policy"] == "PASSIVE"
    if config.threads != "auto":
        assert seen["threads"] == config.threads
    assert len(seen["ids"]) == 2


def test_a_repair_reaches_the_exported_code(random_llama: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(random_llama, tmp_path / "broken")
    ids = {"bos_token_id": 1, "eos_token_id": 32000, "pad_token_id": 999_999}  # ordinary text; beyond the vocabulary
    (folder / "generation_config.json").write_text(json.dumps(ids))
    with Session(str(folder), host="inline") as session:
        assert session.resolved.eos_token_ids == (32000,)
        session.repair(max_new_tokens=2)
        assert session.model.generation_config.eos_token_id == [2]
        code = session.export("transformers").code
    seen = ask(write(tmp_path, code), ["The sea", "A longer line about the sea"])
    assert (seen["eos"], seen["pad"], seen["side"]) == ([2], 2, "left")


@pytest.mark.parametrize(
    "changes",
    [
        {"autocast": "bfloat16", "sdpa_backend": "math", "attention_mask": "ones", "tf32": True},
        {"cache": "quantized", "cache_backend": "fp8"},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "stop_strings": ["e"], "stop_at_sentence": 2},
        {"offloaded_layers": 1},
        pytest.param({"compile": "default", "freezing": "off"}, marks=pytest.mark.slow),
        pytest.param({"compile": "max-autotune"}, marks=pytest.mark.slow),
    ],
    ids=["scoped", "quantized", "stops", "away", "compiled", "autotuned"],
)
def test_kernels_caches_and_loops_say_what_the_engine_says(
    random_llama: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = Config(dtype="float32", threads=1, **changes)
    code = write(tmp_path, export.render("transformers", config, model=str(random_llama)))
    assert ask(code, PROMPTS)["ids"] == said_by_the_engine(random_llama, config)


def test_the_carried_loop_decodes_as_the_engine_does(random_llama: Path, tmp_path: Path) -> None:
    """Without the compiler, which the slow tests have: everything but the machine code."""
    config = Config(dtype="float32", threads=1, compile="default", cache_length=128)
    code = write(tmp_path, export.render("transformers", config, model=str(random_llama)))
    plain = config.replace(compile="off")
    assert ask(code, PROMPTS, TORCHDYNAMO_DISABLE="1")["ids"] == said_by_the_engine(random_llama, plain)


FORMATS = [
    {"quantization": "bnb-nf4", "dtype": "float32", "skip_modules": ["layers.0.mlp", "o_proj"]},
    {"quantization": "torchao-int8-weight", "dtype": "bfloat16"},
    *(
        pytest.param({"quantization": name, "dtype": "bfloat16"}, marks=pytest.mark.slow)
        for name in ("bnb-int8", "bnb-fp4", "torchao-int8-dynamic", "torchao-int4-weight", "torchao-float8")
    ),
]


@pytest.mark.parametrize("changes", FORMATS, ids=str)
def test_a_quantised_model_says_what_the_engine_says(
    random_llama: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = Config(threads=1, **changes)
    code, ids = exported_and_said(random_llama, config)
    assert ask(write(tmp_path, code), PROMPTS)["ids"] == ids
    if config.quantization == "bnb-nf4":  # another choice of layers, another answer: the list is heard
        others = config.replace(skip_modules="auto")
        assert exported_and_said(random_llama, others)[1] != ids


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quantization", "module"),
    [("hqq-int4", "hqq"), ("hqq-int8", "hqq"), ("quanto-int8", "optimum.quanto"), ("quanto-int4", "optimum.quanto")],
)
def test_formats_of_further_packages_say_what_the_engine_says(
    random_llama: Path, tmp_path: Path, quantization: str, module: str
) -> None:
    pytest.importorskip(module)
    code, ids = exported_and_said(random_llama, Config(threads=1, dtype="float32", quantization=quantization))
    assert ask(write(tmp_path, code), PROMPTS)["ids"] == ids


@pytest.mark.parametrize("dtype", ["float32", pytest.param("auto", marks=pytest.mark.slow)])
def test_fp8_files_are_dequantised_in_the_code_as_on_the_bench(
    dtype: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, random_llama: Path
) -> None:
    folder = tmp_path_factory.mktemp("fp8") / "tiny-v3"
    fp8_files.write(folder, AutoTokenizer.from_pretrained(random_llama))
    code, ids = exported_and_said(folder, Config(threads=1, dtype=dtype, quantization="none"))
    assert "FineGrainedFP8Config" in code
    assert ask(write(tmp_path, code), PROMPTS)["ids"] == ids


def exported_and_said(directory: Path, config: Config) -> tuple[str, list[list[int]]]:
    """The code written from what was in force, and the token ids for PROMPTS."""
    engine = Engine()
    context = Context(lambda _name, _data: None)
    engine.open(find(str(directory)), config, context)
    try:
        known = {"resolved": engine.resolved(), "facts": engine.facts}
        answers = [list(answer.token_ids) for answer in engine.generate(context, PROMPTS, 8)]
        pad = engine.tokenizer.pad_token_id
    finally:
        engine.close()
    longest = max(map(len, answers))
    ids = [ids + [pad] * (longest - len(ids)) for ids in answers]
    return export.render("transformers", config, model=str(directory), **known), ids


def said_by_the_engine(directory: Path, config: Config) -> list[list[int]]:
    """Its token ids for PROMPTS, filled with the pad token as `generate` fills them."""
    engine = Engine()
    context = Context(lambda _name, _data: None)
    engine.open(find(str(directory)), config, context)
    try:
        answers = [list(answer.token_ids) for answer in engine.generate(context, PROMPTS, 8)]
        pad = engine.tokenizer.pad_token_id
    finally:
        engine.close()
    longest = max(map(len, answers))
    return [ids + [pad] * (longest - len(ids)) for ids in answers]


def test_run_as_a_program_it_prints_text(directory: Path, tmp_path: Path) -> None:
    file = write(tmp_path, export.render("transformers", Config(), model=str(directory)))
    done = fresh([str(file)])
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 5
    assert not (Path.cwd() / "x").exists()


def test_another_directory_can_be_named(directory: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(directory, gone)
    file = write(tmp_path, export.render("transformers", Config(), model=str(gone)))
    shutil.rmtree(gone)
    assert fresh([str(file)]).returncode != 0
    assert fresh([str(file)], MODEL=str(directory)).returncode == 0


def test_it_refuses_to_run_in_another_configuration(directory: Path, tmp_path: Path) -> None:
    code = export.render("transformers", Config(attention="sdpa", dtype="float32"), model=str(directory))
    changed = code.replace('attn_implementation="sdpa"', 'attn_implementation="eager"')
    assert changed != code
    done = fresh([str(write(tmp_path, changed))])
    assert done.returncode != 0
    assert "RuntimeError: " in done.stderr
    assert "'attention': 'eager'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"attention": "eager", "dtype": "float32"}, marks=pytest.mark.slow),
        {"attention": "sdpa", "dtype": "bfloat16", "cache": "static", "pad_token": "unk"},
    ],
    ids=["eager", "static"],
)
def test_the_demo_says_the_same_as_in_the_session(demo_home: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    prompts = ["Name three colours.", "What is the capital of France? Answer in one word."]
    with Session("demo", config=Config(**changes)) as session:
        answers = session.generate(prompts, max_new_tokens=8)
        made = session.export("transformers")
        state = session.resolved
    seen = ask(write(tmp_path, made.code), prompts)
    for answer, ids in zip(answers, seen["ids"], strict=True):
        assert tuple(ids[: len(answer.token_ids)]) == answer.token_ids
        assert set(ids[len(answer.token_ids) :]) <= {seen["pad"]}
    assert seen["attention"] == state.attention
    assert seen["dtype"] == f"torch.{state.dtype}"
    assert seen["pad"] == state.pad_token_id
    assert seen["threads"] == state.threads
    assert seen["eos"] == list(state.eos_token_ids)
