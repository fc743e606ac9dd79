"""Other engines in environments of their own. Here the other engine is transformers itself: the method's own A/A."""

import os
import sys
from pathlib import Path

import pytest

import workbench as wb
from workbench.cli import main
from workbench.errors import CapabilityError, WorkbenchError
from workbench.tips import apart
from workbench.tips.stand import Stand

pytestmark = pytest.mark.model
SELF = "transformers"


@pytest.fixture
def itself(workbench_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment "transformers" in the home, whose interpreter is this one."""
    if os.name == "nt":
        pytest.skip("its interpreter is a shell script")
    python = workbench_home / "peers" / SELF / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(apart, "ENGINES", {SELF: apart.Engine(SELF, ())})
    monkeypatch.setattr(apart, "ROUNDS", 3)
    monkeypatch.setattr(apart, "_EACH_S", 0.1)
    monkeypatch.setattr(apart, "WORK", wb.Workload(prompt_tokens=32, new_tokens=16))


def test_the_same_engine_says_the_same_and_is_about_as_fast(demo_home: Path, itself: None) -> None:
    assert apart.installed_engines() == (SELF,)
    with wb.Session("demo", config=wb.Config(dtype="float32", threads=1)) as session, Stand(session) as stand:
        found = apart.beside(stand, session, {"engine": SELF, "compile": "off"})
        assert (session.resolved.dtype, session.config.compile) == ("float32", "off")
    ratio = found.values["decode_ratio"]
    assert ratio.ci95 is not None
    assert ratio.ci95[0] < ratio.value < ratio.ci95[1]
    assert 0.4 < ratio.value < 2.5
    engine, agreement = found.notes
    assert f"transformers {wb.results.versions()['transformers']}" in str(engine)
    assert agreement.code == "tips.note.same_text"


def test_other_tokens_are_told() -> None:
    told = apart._agreement("so blue", "so \x1b[31mred")
    assert told.code == "tips.note.other_text"
    assert "\x1b" not in str(told)


def test_a_model_without_a_folder_is_refused(workbench_home: Path, itself: None) -> None:
    with wb.Session("random:deepseek-llm-7b-base?scale=tiny&layers=1", config=wb.Config(dtype="float32")) as session:
        stand = Stand(session)
        with pytest.raises(CapabilityError, match="no folder of its own"):
            apart.beside(stand, session, {"engine": SELF, "compile": "off"})


def test_an_engine_that_cannot_start_says_its_last_line(
    demo_home: Path, itself: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime is not in this environment."""
    monkeypatch.setattr(apart, "python_of", lambda _name: Path(sys.executable))
    monkeypatch.setattr(apart, "ENGINES", {"onnxruntime": apart.Engine("ONNX Runtime", ())})
    with (
        pytest.raises(WorkbenchError, match=r"ONNX Runtime ended with status 1.\n.*No module named 'onnxruntime'"),
        apart.opened("onnxruntime", demo_home, 1),
    ):
        pass


def test_an_environment_that_cannot_be_made_says_pips_last_line(
    workbench_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = apart.Engine("Nothing", (str(workbench_home / "no-such-wheel.whl"),))
    monkeypatch.setattr(apart, "ENGINES", {"onnxruntime": absent})
    assert main(["tips", "engine", "onnxruntime"]) == 1
    said = capsys.readouterr().err
    assert "The environment of Nothing could not be made" in said
    assert "no-such-wheel" in said


def test_the_command_knows_every_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tips", "engine", "nothing"]) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in apart.ENGINES)
