"""workbench export --verify: the files are written, run without the workbench, and the exit status tells."""

import json
from pathlib import Path

import pytest

from workbench.cli import main


def test_only_programs_are_verified(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "json", "--verify"]) == 1
    assert "Files for json cannot be run here" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.model
def test_export_and_verify_as_one_document(
    own_demo_home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "transformers", "--set", "dtype=float32", "--set", "threads=1"]
    status = main([*words, "--output", str(tmp_path), "--verify", "--json"])
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "workbench.verification/1"
    assert document["result"]["same_tokens"]
    assert document["result"]["detail"] == ""
    assert status == (0 if document["result"]["ok"] else 1)
    assert {path.name for path in tmp_path.iterdir()} == {"load_model.py", "check_model.py", "expected.json"}
