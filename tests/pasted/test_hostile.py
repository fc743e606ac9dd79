"""Any text is answered: by a result or by our own error, in words; and nothing in it is ever executed."""

import json
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import ConfigError, WorkbenchError
from workbench.pasted import Pasted, read
from workbench.pasted.source import LONGEST, parses

LOAD = "m = AutoModelForCausalLM.from_pretrained('a/b')\n"
SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


def answered(text: str) -> Pasted | WorkbenchError:
    try:
        found = read(text)
    except WorkbenchError as error:
        return error
    assert all(str(each) for each in (*found.notes, *found.unknowns))
    assert all(mark.what and mark.line for mark in found.marks)
    assert found.workload.new_tokens >= 2
    assert parses(found.corrected)
    return found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "pasted.no_model"),
        ("x = 1", "pasted.no_model"),
        ("model = (", "pasted.not_python"),
        ("print 'old'", "pasted.not_python"),
        ("a\0b", "pasted.null_byte"),
        ("x = '\ud800'", "pasted.no_character"),
        ("x" * (LONGEST + 1), "pasted.too_long"),
        (LOAD + "x = " + "(" * 300 + ")" * 300, "pasted.not_python"),
        (LOAD + "x = " + "-" * 100_000 + "1", "pasted.too_deep"),
        (LOAD + "x = " + "+".join(["1"] * 200_000), "pasted.too_deep"),
        ("\x0c" * 1000, "pasted.no_model"),
        ('{"cells": [{"cell_type": "code"}]}', "pasted.no_model"),
    ],
)
def test_what_is_no_script_is_said_in_words(text: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.code == code


def test_a_thing_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="not bytes"):
        read(b"x = 1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        LOAD + "x = " + "a." * 20_000 + "b\n",
        LOAD + "".join(f"{'if' if not each else 'elif'} x == {each}:\n    y = {each}\n" for each in range(400)),
        LOAD + "x = [" + "'a', " * 100_000 + "]\n",
        LOAD + "def f():\n    return f()\nf()\n",
        LOAD + "def f():\n    return g()\ndef g():\n    return f()\nf()\n",
        LOAD + "x = 'a' * 10 ** 12\ny = [0] * 10 ** 9\nz = 9 ** 9 ** 9\n",
        LOAD + "".join(f"x{each} = x{each - 1} + x{each - 1}\n" if each else "x0 = 'aaaa'\n" for each in range(60)),
        LOAD
        + "x0 = [1]\n"
        + "".join(f"x{n + 1} = [x{n}, x{n}]\n" for n in range(80))
        + "m.generate(stop_strings=x80)\n",
        LOAD + "x = [0]\n" + "x = [x] * 999\n" * 40 + "m.generate(x, eos_token_id=x, temperature=x)\n",
        LOAD + "x = [1]\n" + "x = [x]\n" * 3000 + "m.generate(x, eos_token_id=x)\n",
        LOAD + "d = {}\n" + "".join(f"d = {{**d, 'a{n}': 1}}\n" for n in range(3000)) + "m.generate(**d)\n",
        LOAD + "try:\n    pass\nexcept* ValueError:\n    m.half()\n",
        LOAD + "match m:\n    case 1:\n        m.half()\n",
        LOAD + "d = {'a': 1}\nd['d'] = d\nd.update(**d)\n",
        LOAD
        + "\t# 中文\n\x0c\nif m:\n\tm.generate(x, temperature=float('nan'), top_p=-1, num_beams=-3, top_k=1e400)\n",
        "import transformers as t\nm = t.AutoModelForCausalLM.from_pretrained(t, *t, **t)\nm.generate(*m, **m)\n",
        "m = pipeline()\nm()\nm.model.generate()\n",
        "m = pipeline(model=pipeline(model=pipeline()))\nm('x')\n",
    ],
)
def test_strange_scripts_are_read(text: str) -> None:
    assert answered(text) is not None


def test_megabytes_are_read() -> None:
    text = (
        LOAD + "x = 'filler'  # 注释\n" * 60_000 + "m.generate(i, max_new_tokens=5, temperature=0.5, do_sample=False)\n"
    )
    assert len(text) > 1_000_000
    assert {mark.rule for mark in read(text).marks} >= {"sampling_with_greedy"}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    answered(text)
    answered(LOAD + text)


WORDS = st.sampled_from(
    (
        *string.punctuation,
        "\n",
        "\n    ",
        "\t",
        " ",
        "\r",
        "\x0c",
        "'a'",
        "1",
        "-1",
        "1e400",
        "True",
        "None",
        "f'{x}'",
        "你",
        "model",
        "tokenizer",
        "generate",
        "from_pretrained",
        "AutoModelForCausalLM",
        "pipeline",
        "if",
        "for",
        "in",
        "self",
        "def f():",
        "return",
        "lambda",
        "**",
        "import torch",
        "with",
        "!ls",
        "%time",
        "%%bash",
        "os.environ",
        "await",
    )
)


@settings(max_examples=300)
@given(st.lists(WORDS, max_size=60))
def test_any_run_of_words(words: list[str]) -> None:
    answered(LOAD + "".join(words))


@settings(max_examples=150)
@given(st.sampled_from(SCRIPTS), st.data())
def test_a_script_with_a_piece_gone_or_twice(path: Path, data: st.DataObject) -> None:
    text = path.read_text(encoding="utf-8")
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    answered(text[:start] + data.draw(st.sampled_from(["", text[start:end] * 2])) + text[end:])


NAMES = st.sampled_from(
    (
        "temperature",
        "top_p",
        "do_sample",
        "eos_token_id",
        "pad_token_id",
        "num_beams",
        "cache_implementation",
        "top_k",
        "stop_strings",
        "max_new_tokens",
        "max_length",
        "use_cache",
        "min_p",
        "repetition_penalty",
        "cache_config",
        "prompt_lookup_num_tokens",
        "assistant_model",
        "attention_mask",
        "generation_config",
        "output_scores",
        "nonsense",
    )
)
VALUES = st.sampled_from(
    (
        "None",
        "True",
        "False",
        "0",
        "-1",
        "1e-9",
        "1e400",
        "2**70",
        "10**30",
        "'x'",
        "''",
        "[]",
        "[1, 'a']",
        "{}",
        "m",
        "t",
        "{'backend': 1}",
        "x",
        "x.y",
        "t.eos_token_id",
        "torch.float16",
        "[[1]]",
        "('a', None)",
        "b''",
        "...",
        "1j",
        "f()",
    )
)


@settings(max_examples=400)
@given(st.dictionaries(NAMES, VALUES, max_size=6), st.dictionaries(NAMES, VALUES, max_size=3))
def test_any_arguments(called: dict[str, str], loaded: dict[str, str]) -> None:
    given_, loading = (", ".join(f"{name}={value}" for name, value in each.items()) for each in (called, loaded))
    text = f"t = AutoTokenizer.from_pretrained('a/b')\nm = AutoModelForCausalLM.from_pretrained('a/b', {loading})\n"
    found = answered(f"{text}m.generate(x, {given_})\n")
    assert isinstance(found, Pasted)
    assert Pasted.from_json(found.to_json()) == found


SPY = """
import json
import sys
from pathlib import Path
opened = []
watched = ("open", "exec", "import", "os.system", "subprocess.Popen")
sys.addaudithook(lambda name, what: opened.append([name, str(what[0])]) if name in watched else None)
from workbench.pasted import read
import workbench.results, workbench.words.pasted
read(Path(sys.argv[1]).read_text(encoding="utf-8").replace("HERE", "demo"))
opened.clear()
found = read(Path(sys.argv[1]).read_text(encoding="utf-8"))
found.corrected, found.diff, found.to_json(), [mark.what for mark in found.marks]
assert "torch" not in sys.modules and "transformers" not in sys.modules
# Python itself looks for the line of a syntax error in a file of the name that the text was parsed under
print(json.dumps([each for each in opened if each[1] not in (sys.argv[1], "<unknown>")]))
"""


def test_reading_executes_nothing_and_opens_nothing(tmp_path: Path) -> None:
    made, named = tmp_path / "made", tmp_path / "model"
    named.mkdir()
    (named / "config.json").write_text("{}")
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import os, subprocess
__import__("pathlib").Path({str(made)!r}).touch()
open({str(made)!r}, "w").write("x")
class A(metaclass=print): open({str(made)!r}, "w")
def f(x=open({str(made)!r}, "w")): pass
exec(compile("open({str(made)!r}, 'w')", "x", "exec"))
os.system("touch {made}")
!touch {made}
x = f"{{open({str(made)!r}, 'w')}}"
model = AutoModelForCausalLM.from_pretrained({str(named)!r}, load_in_8bit=True)
model.generate(**eval("open({str(made)!r}, 'w')"), temperature=0.5, eos_token_id=3)
""",
        encoding="utf-8",
    )
    ran = subprocess.run([sys.executable, "-c", SPY, script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == []
    assert not made.exists()


def test_the_watch_on_execution_sees_it(tmp_path: Path) -> None:
    """The test above can fail: the same script, run as a script, makes its file."""
    made = tmp_path / "made"
    ran = subprocess.run(
        [sys.executable, "-c", f"open({str(made)!r}, 'w')"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0
    assert made.exists()
