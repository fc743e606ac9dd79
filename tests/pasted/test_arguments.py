"""The checked-in names of arguments are those of the installed transformers."""

import json
import subprocess
import sys
from pathlib import Path

from workbench.pasted.names import names, sure

ROOT = Path(__file__).parents[2]
FILE = ROOT / "workbench/pasted/arguments.json"


def test_the_names_are_what_the_installed_transformers_takes() -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / "tools/pasted_arguments.py"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == json.loads(FILE.read_text(encoding="utf-8")), (
        "run: python tools/pasted_arguments.py > workbench/pasted/arguments.json"
    )


def test_the_rules_cite_the_version_that_the_names_were_read_from() -> None:
    from workbench.pasted.rule import TRANSFORMERS

    assert f"transformers {json.loads(FILE.read_text(encoding='utf-8'))['transformers']}" == TRANSFORMERS


def test_well_known_names_are_there() -> None:
    assert {"attn_implementation", "quantization_config", "dtype", "device_map", "max_memory"} <= names("load")
    assert {"max_new_tokens", "streamer", "attention_mask", "tokenizer", "past_key_values"} <= names("generate")
    assert not {"load_in_8bit", "use_auth_token", "use_flash_attention_2"} & names("load", "config")


def test_only_a_slip_of_the_pen_is_renamed() -> None:
    assert sure("max_new_token", "max_new_tokens")
    assert sure("temprature", "temperature")
    assert not sure("max_tokens", "max_new_tokens")
    assert not sure("attention_implementation", "experts_implementation")
    assert not sure("stop", "top_k")
