"""What libraries log without need never reaches a person; what else they log does."""

import logging
import subprocess
import sys

import pytest

from workbench.engine.quiet import NOISE, drop_noise


def test_the_engine_s_imports_write_nothing() -> None:
    """torchao comes in with transformers, and would write five lines."""
    program = "import workbench.engine.loading, bitsandbytes, torchao, sys; sys.exit(not torchao.__version__)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("name", NOISE)
def test_only_the_known_line_is_dropped(name: str, caplog: pytest.LogCaptureFixture) -> None:
    drop_noise()
    drop_noise()
    logger = logging.getLogger(name)
    known = NOISE[name] + (" and more" if "%s" in NOISE[name] else " %s")
    with caplog.at_level(logging.WARNING, logger=name):
        logger.warning(known, "x")
        logger.warning("something that matters: %s", "y")
    assert caplog.messages == ["something that matters: y"]
