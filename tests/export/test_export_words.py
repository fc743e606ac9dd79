"""The words of the exported file: formatted, the engine's own code, the numbers and versions in its header."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.export.conftest import HUB_ID, bare_model
from workbench import export
from workbench.config import Config
from workbench.engine import static_loop
from workbench.engine.quantizing import fp8
from workbench.probes import sentence_end

Make = Callable[..., Any]


def ruff_is_content(file: Path) -> None:
    for command in (["format", "--diff"], ["check"]):
        words = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(file)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


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
    ruff_is_content(file)


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
    ruff_is_content(file)


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
