"""workbench models: the table, the filter, one document."""

import json
import shutil
from pathlib import Path

import pytest

from tests.hub.test_inventory import bare as bare
from tests.hub.test_inventory import make
from workbench.cli import main


@pytest.fixture(autouse=True)
def known(bare: Path, workbench_home: Path, demo_models: Path) -> None:
    """In a folder of its own, with a doctor that knows torch already."""
    shutil.copy(demo_models.parent / "machine.json", workbench_home)


def test_the_table_tells_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    (make(Path("broken")) / "model.safetensors").write_bytes(b"")
    make(Path("whole"), quantization_config={"quant_method": "gptq", "bits": 4})
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    rows = {line.split()[0]: line for line in shown.splitlines() if line.startswith(("./", "demo"))}
    assert "LlamaForCausalLM" in rows["./whole"]
    assert "gptq 4-bit" in rows["./whole"]
    assert "yes: " in rows["./whole"]
    assert "damaged" in rows["./broken"]
    assert "./broken: model.safetensors of ./broken is empty." in shown
    assert "free on" in shown


def test_only_what_fits(capsys: pytest.CaptureFixture[str]) -> None:
    (make(Path("broken")) / "model.safetensors").write_bytes(b"")
    assert main(["models", "--fits"]) == 0
    shown = capsys.readouterr().out
    assert "demo" in shown
    assert "random:deepseek-v3 " not in shown
    assert "./broken" not in shown


def test_one_document_without_the_persons_name(capsys: pytest.CaptureFixture[str]) -> None:
    (make(Path("broken")) / "model.safetensors").write_bytes(b"")
    assert main(["models", "--json"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["schema"] == "workbench.models/1"
    entries = {entry["name"]: entry for entry in document["result"]["entries"]}
    assert entries["./broken"]["problem"]["code"] == "integrity.empty"
    assert entries["demo"]["fits"] is True
    assert str(Path.cwd()) not in said.out
    assert "is empty" in said.err
