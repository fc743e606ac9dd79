"""Exported code runs in a process without the workbench and is held against its session; broken code is told apart."""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

import workbench as wb
from workbench import forecast as forecasts
from workbench.catalog.random_names import parse
from workbench.decoding import verify as verifying
from workbench.engine import random_model
from workbench.errors import CapabilityError, Stopped
from workbench.results import Completion, Snippet, Verification, Workload
from workbench.runs import Runs

pytestmark = pytest.mark.model

CONFIG = wb.Config(dtype="float32", threads=1)
QUICK: dict[str, Any] = {"workload": Workload(prompt_tokens=8, new_tokens=4), "budget_s": 0.1}
DRIVER = "clean_driver.py"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, demo_home: Path) -> Path:
    """One layer with random weights and the demo's tokenizer."""
    folder = tmp_path_factory.mktemp("llama")
    spec = parse("random:deepseek-llm-7b-base?scale=tiny&layers=1")
    for part in random_model.build(spec, torch.float32, torch.device("cpu")):
        part.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def session(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[wb.Session]:
    place = tmp_path_factory.mktemp("runs") / "runs.sqlite3"
    with Runs(place) as runs, wb.Session(str(checkpoint), config=CONFIG, host="inline", runs=runs) as session:
        yield session


@pytest.fixture
def code(session: wb.Session) -> Snippet:
    session.apply(CONFIG)
    return session.export("transformers")


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    yield
    assert not drivers()


def drivers() -> list[psutil.Process]:
    below = psutil.Process().children(recursive=True)
    return [each for each in below if any(DRIVER in word for word in _words(each))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def with_code(made: Snippet, *changes: tuple[str, str], code: str | None = None) -> Snippet:
    """The same with other words in its main file."""
    text = made.code if code is None else code
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    changed = made.model_copy(update={"code": text, "files": {**made.files, "load_model.py": text}})
    assert made._verify is not None
    return changed.bound_to(made._verify)


def test_code_does_what_its_session_does(session: wb.Session, code: Snippet) -> None:
    found = code.verify(**QUICK)
    assert found.problem is None, f"{found.problem}\n{found.detail}"
    assert found.same_tokens
    assert found.without_workbench
    assert found.differences == found.warnings == ()
    assert [each.chat for each in found.answers] == [True, True, False]
    assert len(found.answers[0].prompts) == 2
    assert sum(each.tokens for each in found.answers) > 50
    assert found.pairs >= 3
    assert found.way == "beside"
    assert set(found.ratio) >= {"decode_tps", "ttft_s"}
    assert found.speed in ("within", "open", "differs", "unknown")
    assert session.config == CONFIG
    [stored] = session.runs.list(kind="verification")
    assert Verification.from_dict(stored["result"]).answers == found.answers
    assert session.last["verification"] == found


@pytest.mark.parametrize(
    "changes",
    [
        {
            "do_sample": True,
            "temperature": 0.7,
            "top_k": 3,
            "min_p": 0.1,
            "stop_strings": ["the"],
            "padding_side": "right",
        },
        *(
            pytest.param(changes, marks=pytest.mark.slow)
            for changes in (
                {"attention": "eager", "dtype": "bfloat16", "cache": "static", "pad_token": 4, "eos_token_ids": [8, 2]},
                {"quantization": "bnb-nf4", "bnb_double_quant": True, "skip_modules": ["o_proj"]},
                {"quantization": "bnb-int8", "bnb_threshold": 2.5, "repetition_penalty": 1.3},
                {"quantization": "torchao-int8-weight", "dtype": "bfloat16", "autocast": "bfloat16"},
                {"cache": "quantized", "sdpa_backend": "math", "attention_mask": "ones"},
                {"stop_at_sentence": 4, "no_repeat_ngram_size": 3, "compile": "default"},
            )
        ),
    ],
    ids=str,
)
def test_every_kind_of_setting_is_the_same_in_the_code(session: wb.Session, changes: dict[str, Any]) -> None:
    session.apply(CONFIG.replace(**changes))
    found = session.export().verify(**QUICK)
    assert found.problem is None, f"{found.problem}\n{found.detail}"
    assert found.differences == ()
    assert found.same_tokens
    assert session.config == CONFIG.replace(**changes)


def test_what_was_broken_on_purpose_is_named(code: Snippet) -> None:
    """The file's promises are falsified with it, so that only the read-back can tell."""
    broken = with_code(
        code,
        ("torch.float32", "torch.bfloat16"),
        ('"sdpa"', '"eager"'),
        ("eos_token_ids = [2]", "eos_token_ids = [5]"),
        ('"eos_token_id": [2]', '"eos_token_id": [5]'),
        ('"torch": "', '"torch": "0.'),
    )
    found = broken.verify(**QUICK)
    assert not found.ok
    told = {
        message.params["what"]: (message.params["session"], message.params["snippet"]) for message in found.differences
    }
    assert told["dtype"] == ("float32", "bfloat16")
    assert told["attention"] == ("sdpa", "eager")
    assert told["eos_token_ids"] == ("[2]", "[5]")
    assert "not verified" in str(found.verdict)
    [warning] = found.warnings
    assert torch.__version__ in warning
    assert "recorded with 0." in warning


def test_other_tokens_are_told_where_the_state_is_the_same(code: Snippet) -> None:
    turns = '{"role": "user", "content": prompt}', '{"role": "system", "content": prompt}'
    found = with_code(code, turns).verify(**QUICK)
    assert found.problem is None, f"{found.problem}\n{found.detail}"
    assert found.same_tokens is False
    assert found.differences == ()
    assert "part at new token 1" in str(found.verdict)


@pytest.mark.parametrize(
    ("row", "parts_at"),
    [
        ([7, 9, 2, 0], (0, 1)),
        ([7, 8, 0, 0], None),
        ([7, 8, 0, 5], (0, 2)),
        ([7, 8, 0, 0, 0], (0, 2)),
    ],
    ids=["another", "filled", "filled with two tokens", "longer"],
)
def test_rows_part_where_a_token_differs_or_no_filling_explains_it(
    row: list[int], parts_at: tuple[int, int] | None
) -> None:
    ours = [Completion.model_construct(token_ids=ids) for ids in ((7, 8), (3, 4, 5, 6))]
    assert verifying._parts_at(ours, [row, [3, 4, 5, 6]]) == parts_at


def test_a_promise_that_is_not_kept_stops_the_code_itself(code: Snippet) -> None:
    found = with_code(code, ("dtype=torch.float32", "dtype=torch.bfloat16")).verify(**QUICK)
    assert found.same_tokens is None
    assert "was promised, but" in str(found.problem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import workbench", "No module named 'workbench'"),
        ("import workbench.session", "No module named 'workbench"),
        ("import os\nos._exit(3)", "with status 3"),
        ("import sys\nsys.stderr.write('out of luck\\n')\nimport os\nos.abort()", "out of luck"),
        ("this is no Python", "SyntaxError"),
    ],
)
def test_code_that_fails_is_told_in_its_own_words(code: Snippet, text: str, said: str) -> None:
    found = with_code(code, code=text).verify(**QUICK)
    assert not found.ok
    assert found.same_tokens is None
    assert said in str(found.problem), found.problem


HANGS = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
time.sleep(600)
"""


def test_code_that_hangs_is_ended_with_all_that_it_started(code: Snippet) -> None:
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    found = with_code(code, code=HANGS).verify(timeout_s=1.5)
    assert "gave no answer (load) within 2 s" in str(found.problem)
    until = time.monotonic() + 5
    while time.monotonic() < until and {each.pid for each in psutil.Process().children(recursive=True)} - before:
        time.sleep(0.05)
    assert not {each.pid for each in psutil.Process().children(recursive=True)} - before


def test_stop_ends_it(session: wb.Session, code: Snippet) -> None:
    future: Future[Verification] = session.submit("verify", with_code(code, code=HANGS))
    until = time.monotonic() + 20
    while not drivers() and time.monotonic() < until:
        time.sleep(0.05)
    assert drivers()
    session.stop()
    with pytest.raises(Stopped):
        future.result(20)
    assert session.config == CONFIG


def test_where_both_do_not_fit_an_engine_in_this_process_says_so(
    code: Snippet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecasts, "forecast", too_big(forecasts.forecast))
    with pytest.raises(CapabilityError, match="cannot step aside"):
        code.verify()


def too_big(forecast: Any) -> Any:
    return lambda *args, **options: forecast(*args, **options).model_copy(update={"fits": False, "available": 1})


@pytest.mark.slow
def test_where_both_do_not_fit_the_engine_makes_room_and_comes_back(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wb.Session(str(checkpoint), config=CONFIG) as session:
        made, pid = session.export(), session.pid
        monkeypatch.setattr(forecasts, "forecast", too_big(forecasts.forecast))
        found = made.verify(**QUICK)
        assert found.problem is None
        assert found.same_tokens
        assert (found.way, found.pairs, found.ci95) == ("by_turns", 1, {})
        assert "estimate" in str(found.verdict)
        assert session.pid not in (None, pid)
        assert session.config == CONFIG
        assert session.state == "idle"
        assert session.generate("one", 2)


@pytest.mark.parametrize("target", ["json"])
def test_only_programs_of_this_interpreter_are_run(session: wb.Session, target: str) -> None:
    with pytest.raises(CapabilityError, match=f"Files for {target} cannot be run here"):
        session.export(target).verify()


def test_a_snippet_without_a_session_says_where_to_take_one(code: Snippet) -> None:
    with pytest.raises(CapabilityError, match="knows no session"):
        Snippet.from_json(code.to_json()).verify()


def test_all_files_are_written(code: Snippet, tmp_path: Path) -> None:
    paths = code.save(tmp_path / "new")
    assert [path.name for path in paths] == ["load_model.py", "check_model.py", "expected.json"]
    assert paths[0].read_text(encoding="utf-8") == code.code


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"dtype": "float32"}, {"dtype": "bfloat16"}, {"dtype": "float32", "quantization": "bnb-nf4"}], ids=str
)
def test_the_demo_verifies_itself(own_demo_home: Path, changes: dict[str, Any]) -> None:
    with wb.Session("demo", config=wb.Config(threads=1, **changes)) as session:
        found = session.export().verify(budget_s=1)
        assert found.problem is None, found.detail
        assert found.same_tokens
        assert found.differences == ()
