"""GPTQ and AWQ copies: refusals before the work, the manifest, what calibrated them; for real with gptqmodel."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.hub.tiny import write_model
from tests.knobs.facts import LLAMA, PLAIN, QUANTISERS, ask, having
from tests.knobs.facts import model as facts_of
from workbench import suites
from workbench.catalog.quantized import MANIFEST, SCHEMA, copies, identity, lacking, made_in, stated, summary
from workbench.cli import main
from workbench.hub import quantize as hub_quantize
from workbench.hub.calibration import calibration, joined, leaked
from workbench.hub.inventory import inventory
from workbench.probes.context import Context

installed = pytest.mark.skipif(bool(lacking("gptq")), reason="needs pip install " + " ".join(lacking("gptq")))


@pytest.fixture
def model(tmp_path: Path, demo_models: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    return write_model(folder, next(demo_models.glob("SmolLM2*")))


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if gptqmodel were installed: what is refused is refused before it is started."""
    monkeypatch.setattr(hub_quantize, "_check_packages", lambda _method: None)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"method": "gguf"}, "gptq, awq"),
        ({"bits": 3}, "load: 4, 8"),
        ({"method": "awq", "bits": 8}, "load: 4"),
        ({"group_size": 48}, "16, 32, 64"),
        ({"calibration_text": "nothing.txt"}, "nothing.txt"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(wrong: dict[str, Any], says: str, model: Path, ready: None) -> None:
    with pytest.raises(wb.ConfigError, match=says):
        wb.quantize(str(model), **wrong)


def test_a_group_that_does_not_divide_the_rows_names_those_that_do(
    model: Path, ready: None, workbench_home: Path
) -> None:
    with pytest.raises(wb.ConfigError, match=r"rows of 32.*\n.*16, 32\."):
        wb.quantize(str(model), group_size=64)


def test_a_text_that_is_none_is_refused(tmp_path: Path, model: Path, ready: None) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("Gr\xf6\xdfe".encode("latin-1"))
    with pytest.raises(wb.ConfigError, match="UTF-8"):
        wb.quantize(str(model), group_size=32, calibration_text=file)


def test_a_quantised_checkpoint_is_not_quantised_again(model: Path, ready: None, workbench_home: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(wb.ModelError, match="quantised already \\(gptq 4-bit\\)"):
        wb.quantize(str(model), group_size=32)


def test_experts_that_no_loader_would_find_are_refused(model: Path, ready: None, workbench_home: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "n_routed_experts": 8}))
    with pytest.raises(wb.ModelError, match="random numbers"):
        wb.quantize(str(model), group_size=32)


def test_random_weights_have_no_files(ready: None, workbench_home: Path) -> None:
    with pytest.raises(wb.ModelError, match="safetensors"):
        wb.quantize("random:deepseek-llm-7b-base?scale=tiny")


def test_a_missing_package_gives_the_command(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_quantize, "lacking", lambda _method: ["gptqmodel==7.6.0", "optimum"])
    with pytest.raises(wb.CapabilityError, match=r"pip install gptqmodel==7\.6\.0 optimum"):
        wb.quantize(str(model), group_size=32)


def test_what_files_need_is_what_the_knob_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers loads AWQ without optimum, and GPTQ not."""
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name.partition(".")[0] in hidden else object() if name == "gptqmodel" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    for hidden, missing in (
        ({"optimum"}, {"gptq": ["optimum"], "awq": []}),
        ({"optimum", "gptqmodel"}, {"gptq": ["gptqmodel==7.6.0", "optimum"], "awq": ["gptqmodel==7.6.0"]}),
    ):
        where = having(PLAIN, *(set(QUANTISERS) - hidden))
        for method, packages in missing.items():
            assert lacking(method) == packages
            for value, what in ((method, LLAMA), ("auto", facts_of(checkpoint_quantization=method))):
                assert ask("quantization", value, where, what).ok == (not packages)


def test_too_little_text_is_refused_by_the_model_s_own_tokens(
    tmp_path: Path, model: Path, ready: None, workbench_home: Path
) -> None:
    file = tmp_path / "short.txt"
    file.write_text("One sentence about the sea, and another about the mountains behind it.")
    with pytest.raises(wb.ModelError, match=r"\b\d\d tokens of tiny.*\nAt least 512") as caught:
        wb.quantize(str(model), group_size=32, calibration_text=file)
    assert caught.value.code == "calibrate.too_little"
    assert not list((workbench_home / "models" / "quantized").glob("tiny-*"))  # nothing half-made stays


def test_stop_ends_the_process_and_leaves_nothing(model: Path, ready: None, workbench_home: Path) -> None:
    seen: list[str] = []

    def stop_at_once(name: str, _data: Any) -> None:
        seen.append(name)
        if name == "progress":
            context.stop.set()

    context = Context(stop_at_once)
    with pytest.raises(wb.Stopped):
        wb.quantize(str(model), group_size=32, context=context)
    assert "progress" in seen
    assert not [path for path in (workbench_home / "models" / "quantized").iterdir() if path.is_dir()]


def test_our_calibration_text_shares_nothing_with_the_suites_and_a_copied_passage_is_found() -> None:
    own = calibration()
    assert sum(map(len, own.passages)) > 4000
    assert leaked(own.passages) == ()
    english = next(one.text for one in suites.suite("default").passages if one.domain == "english")
    copied = f"Something before it. {english[200:320]}\nSomething after it."
    assert leaked((*own.passages, copied)) == ("english",)


def test_paragraphs_of_a_file_are_joined_to_passages() -> None:
    assert joined("one\n\n\ntwo\n \n" + "x" * 2000 + "\n\nthree") == ["one\n\ntwo", "x" * 2000, "three"]


@pytest.mark.parametrize(
    ("entry", "word", "told"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq", "gptq 4-bit"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", "fp8"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bnb-int8", "bitsandbytes 8-bit"),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
            "bnb-nf4",
            "bitsandbytes nf4",
        ),
        (
            {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig"}}},
            "torchao-int8-weight",
            "torchao",
        ),
        ({"quant_method": "quanto", "weights": "int8"}, "quanto-int8", "quanto"),
        ({"quant_method": "compressed-tensors"}, "compressed-tensors", "compressed-tensors"),
    ],
)
def test_what_a_config_states(entry: dict[str, Any], word: str, told: str) -> None:
    found = stated({"model_type": "llama", "quantization_config": entry})
    assert found is not None
    assert (found.word, found.told, summary(entry)) == (word, told, told)
    assert stated({"model_type": "llama"}) is None


def a_copy(home: Path, source: Path, group_size: int = 64, **changed: Any) -> Path:
    folder = home / "models" / "quantized" / f"tiny-gptq-w4-g{group_size}"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"1234")
    manifest = {
        "schema": SCHEMA,
        "method": "gptq",
        "bits": 4,
        "group_size": group_size,
        "calibration": {"name": "a text", "leaked": ["english"]},
        "source": {"name": "tiny", "identity": identity(source)},
        "files": {"weights": {"bytes": 4}},
    }
    (folder / MANIFEST).write_text(json.dumps({**manifest, **changed}))
    return folder


def test_copies_are_found_by_what_they_were_made_of(model: Path, workbench_home: Path) -> None:
    assert copies(model, "gptq") == ()
    first = a_copy(workbench_home, model)
    os.utime(first / MANIFEST, (1, 1))
    second = a_copy(workbench_home, model, 32)
    assert [one.folder for one in copies(model, "gptq")] == [second, first]  # the newest first
    assert [one.folder for one in copies(model, "gptq", 64)] == [first]
    assert copies(model, "awq") == ()
    assert copies(model, "gptq")[0].leaked == ("english",)
    (second / "weights").write_bytes(b"12")  # cut off
    assert made_in(second) is None
    with (model / "config.json").open("a") as file:
        file.write(" ")
    assert copies(model, "gptq") == ()  # another model now


def test_the_verb_gives_exit_status_2_for_wrong_usage(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quantize", str(model), "--method", "q4"]) == 2
    assert "gptq, awq" in capsys.readouterr().err


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, demo_models: Path) -> tuple[Path, dict[str, Any]]:
    """A tiny Llama quantised for real by the verb."""
    folder = tmp_path_factory.mktemp("source") / "tiny"
    folder.mkdir()
    write_model(folder, next(demo_models.glob("SmolLM2*")))
    home = tmp_path_factory.mktemp("home")
    ran = subprocess.run(
        [sys.executable, "-m", "workbench", "quantize", str(folder), "--group-size", "32", "--json"],
        env={**os.environ, "WORKBENCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return folder, json.loads(ran.stdout)


@installed
@pytest.mark.slow
def test_a_real_copy_has_a_whole_manifest_and_is_listed(
    made: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, document = made
    folder = Path(document["folder"])
    assert (document["method"], document["bits"], document["group_size"]) == ("gptq", 4, 32)
    assert document["source"] == {"name": "tiny", "identity": identity(source)}
    assert document["calibration"]["tokens"] > 2000
    assert set(document["versions"]) == {"torch", "transformers", "safetensors", "gptqmodel", "optimum"}
    assert {path.name for path in folder.iterdir()} == {*document["files"], MANIFEST}
    assert str(source.parent) not in "".join(
        path.read_text() for path in folder.glob("*.json") if path.name != "tokenizer.json"
    )
    assert (folder / "tokenizer.json").read_bytes() == (source / "tokenizer.json").read_bytes()
    monkeypatch.setenv("WORKBENCH_HOME", str(folder.parents[2]))
    listed = [entry for entry in inventory().entries if entry.place == "quantized"]
    assert [(Path(entry.name).name, entry.quantization) for entry in listed] == [(folder.name, "gptq 4-bit")]
    config = json.loads((folder / "config.json").read_text())
    assert config["workbench_calibration"].startswith("the workbench's calibration text")
