import subprocess
import sys
from pathlib import Path

import pytest

MAKER = Path(__file__).with_name("small_model.py")


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a llama of two layers, random weights, and a tokenizer of a few words."""
    folder = tmp_path_factory.mktemp("models") / "small"
    ran = subprocess.run([sys.executable, MAKER, folder], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return folder
