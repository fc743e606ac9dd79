"""workbench script: marks under their lines, the base line, the corrected script; one document with --json."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli import main

SLOW = """# 慢
from transformers import AutoModelForCausalLM
名 = "deepseek-ai/deepseek-llm-7b-chat"; model = AutoModelForCausalLM.from_pretrained(名, load_in_8bit=True)
model.generate(x, max_new_tokens=8, eos_token_id=32000, num_beams=2)\r
"""


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    file = tmp_path / "slow.py"
    file.write_bytes(SLOW.encode())
    return file


def test_each_mark_stands_under_its_argument(slow: Path, capsys: pytest.CaptureFixture[str], demo_home: Path) -> None:
    assert main(["script", str(slow)]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(place for place, line in enumerate(lines) if "load_in_8bit=True" in line)
    caret = lines[at + 1]
    # on a terminal each of the two Chinese characters before it takes two columns
    assert caret.index("^") == lines[at].index("load_in_8bit") + 2
    assert caret.count("^") == len("load_in_8bit=True")
    assert caret.endswith(" refused")
    whole = "\n".join(lines)
    assert "quantization_config=BitsAndBytesConfig(load_in_8bit=True)" in whole
    assert "rests on: transformers 5.23.0 raises TypeError" in whole
    assert "base line: deepseek-ai/deepseek-llm-7b-chat" in whole
    assert "quantization   bnb-int8  in the script" in whole
    assert "- num_beams=2 is in the script and not in the base line" in whole


def test_the_corrected_script_and_the_diff(slow: Path, capsys: pytest.CaptureFixture[str], demo_home: Path) -> None:
    assert main(["script", str(slow), "--fix"]) == 0
    said = capsys.readouterr()
    assert said.out == (
        SLOW.replace("import AutoModelForCausalLM", "import AutoModelForCausalLM, BitsAndBytesConfig")
        .replace("load_in_8bit=True", "quantization_config=BitsAndBytesConfig(load_in_8bit=True)")
        .replace("32000", "100001")
    )
    assert "line 4: num_beams is left as it is" in said.err
    assert main(["script", str(slow), "--diff"]) == 0
    assert "+model.generate(x, max_new_tokens=8, eos_token_id=100001, num_beams=2)" in capsys.readouterr().out
    assert slow.read_bytes() == SLOW.encode()  # the file itself is never written


def test_one_document(slow: Path, capsys: pytest.CaptureFixture[str], demo_home: Path) -> None:
    assert main(["script", str(slow), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "workbench.pasted/1"
    assert document["config"]["quantization"] == "bnb-int8"
    assert [mark["rule"] for mark in document["result"]["marks"]] == ["load_in_bits", "wrong_eos", "beams"]
    assert "BitsAndBytesConfig" in document["corrected"]


def test_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, demo_home: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(SLOW))
    assert main(["script", "-", "--fix"]) == 0
    assert "BitsAndBytesConfig" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"x = (", b"\xff\xfe", b"a\0", b"x = 1"])
def test_what_is_no_script_is_wrong_usage(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str], demo_home: Path
) -> None:
    file = tmp_path / "x.py"
    if content is not None:
        file.write_bytes(content)
    assert main(["script", str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err


def test_control_characters_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], demo_home: Path
) -> None:
    file = tmp_path / "x.py"
    file.write_text('m = AutoModelForCausalLM.from_pretrained("a\x1b[31m/b", low_cpu_mem_usage="\x1b]0;x\x07")\n')
    assert main(["script", str(file)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_it_needs_no_torch(slow: Path, demo_home: Path) -> None:
    code = "import sys; from workbench.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code, "script", slow], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "False"
