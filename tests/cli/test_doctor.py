import json
from pathlib import Path

import pytest

from workbench.cli import main
from workbench.results import Machine


def test_json_is_one_document_without_paths(shared_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--no-measure"]) == 0
    out = capsys.readouterr().out
    document = json.loads(out)
    assert document["schema"] == "workbench.doctor/1"
    machine = Machine.from_dict(document["result"])
    assert machine.torch is not None
    assert str(shared_home) not in out
    assert str(Path.home()) not in out


def test_text_names_every_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--no-measure"]) == 0
    out = capsys.readouterr().out
    for word in ("Python", "Processor", "torch", "flash-attn-3", "bitsandbytes"):
        assert word in out
    assert max(len(line) for line in out.splitlines()) <= 110


def test_status_1_where_no_model_can_be_loaded(
    workbench_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libc10.so: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert main(["doctor"]) == 1
    assert "libc10.so" in capsys.readouterr().out


def test_status_2_for_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
