"""A device that another engine has: the command line says whose, and how to go on on this command line."""

from pathlib import Path

import pytest

import workbench as wb
from workbench.cli import main

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
OTHER = "random:deepseek-coder-6.7b-base?scale=tiny&layers=2"

pytestmark = pytest.mark.model


def test_it_is_told_whose_it_is_and_what_to_type(demo_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["measure", OTHER, "--set", "threads=1", "--budget", "1"]
    with wb.Session(TINY, config=wb.Config(dtype="float32", threads=1)) as session:
        work = session.submit("generate", "The sea", 400)
        assert main([*asked, "--when-busy", "refuse"]) == 1
        told = capsys.readouterr().err
        session.stop()
        work.cancel()
    assert "tiny" in told
    assert "--when-busy take, wait or beside" in told
