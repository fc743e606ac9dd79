"""Against a real server, `transformers serve`: the same model is found to be the same, and each difference is told."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.endpoint.real import checkpoints, transformers_serve
from workbench.cli import main
from workbench.results import Endpoint

FEW = {"concurrency": (1,), "requests": 1, "new_tokens": 8, "budget_s": 60}


@pytest.fixture(scope="module")
def demo(demo_models: Path) -> Path:
    return next(folder for folder in demo_models.iterdir() if folder.is_dir())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> dict[str, Path]:
    return checkpoints(tmp_path_factory.mktemp("checkpoints"), demo)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folders: dict[str, Path]) -> Iterator[str]:
    """One server for all: without a model of its own it loads the one that each request names."""
    with transformers_serve(tmp_path_factory.mktemp("serve")) as url:
        yield url


@pytest.fixture(scope="module")
def session(folders: dict[str, Path], demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session(str(folders["base"]), config=wb.Config(dtype="float32"), host="inline") as session:
        yield session


def checked(session: wb.Session, server: str, folder: Path, **options: Any) -> Endpoint:
    return session.endpoint(server, served=str(folder), **{**FEW, **options})


def test_the_same_model_is_the_same(session: wb.Session, server: str, folders: dict[str, Path]) -> None:
    session.measure(wb.Workload(prompt_tokens=8, new_tokens=4), budget_s=1)
    found = checked(session, server, folders["base"], target="ttft=30,e2e=60", concurrency=(1, 2), requests=3)
    assert set(found.bench) == {"ttft_s", "tpot_s", "decode_tps"}
    assert found.greedy is not None
    assert found.greedy.share == 1.0, found.greedy.answers
    assert found.greedy.verdict.code == "endpoint.greedy.same_text"
    assert any(answer.ended == (True, True) for answer in found.greedy.answers)
    assert found.tokens is not None
    assert (found.tokens.way, found.tokens.same) == ("counts", True), found.tokens.prompts
    assert [level.ok for level in found.levels] == [3, 3]
    assert all(level.counted == "usage" and level.errors == {} for level in found.levels)
    assert all(level.good == 3 and level.ttft is not None for level in found.levels)
    assert found.software == "uvicorn"
    assert found.done is False  # transformers 5.23 sends no [DONE]
    (record,) = session.runs.list("endpoint", limit=1)
    assert record["result"]["served"] == "base"
    assert str(folders["base"].parent) not in str(record["result"])
    assert session.last["endpoint"] == found


def test_an_end_token_that_is_lost_is_told(session: wb.Session, server: str, folders: dict[str, Path]) -> None:
    found = checked(session, server, folders["eos"])
    assert found.tokens is not None
    assert found.tokens.same
    assert found.greedy is not None
    assert found.greedy.share < 1
    assert found.greedy.verdict.code == "endpoint.greedy.runs_on", found.greedy.answers


def test_another_template_is_told(session: wb.Session, server: str, folders: dict[str, Path]) -> None:
    found = checked(session, server, folders["template"])
    assert found.tokens is not None
    assert found.tokens.same is False, found.tokens.prompts
    assert found.greedy is not None
    assert found.greedy.share < 1
    assert found.greedy.verdict.code == "endpoint.greedy.other"


def test_another_number_format_is_told(session: wb.Session, server: str, folders: dict[str, Path]) -> None:
    found = checked(session, server, folders["dtype"])
    assert found.tokens is not None
    assert found.tokens.same
    assert found.greedy is not None
    assert found.greedy.share < 1
    assert {each.tie for each in found.greedy.answers} <= {None, "bench", "16 bits"}, found.greedy.answers
    assert found.greedy.verdict.code == "endpoint.greedy.sixteen"


def test_stop_ends_a_job_with_what_was_measured(
    session: wb.Session, server: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    begun = threading.Event()
    off = session.on("progress", lambda event: begun.set() if event.data["what"].code == "progress.endpoint" else None)
    options = {**FEW, "served": str(folders["base"]), "requests": 100_000, "new_tokens": 4}
    future = session.submit("endpoint", server, **options)
    assert begun.wait(120)
    session.stop()
    found = future.result(30)
    off()
    assert found.stopped
    assert found.levels[0].ended_by == "stop"
    assert found.levels[0].ok > 0
    assert found.greedy is not None
    assert session.generate("The sea", max_new_tokens=2)[0].token_ids


def demo_behind(dtype: str, demo: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    few = ["--requests", "2", "--concurrency", "1,2", "--new-tokens", "8", "--json"]
    with transformers_serve(folder, str(demo), "--dtype", dtype) as url:
        words = ["endpoint", url, "--model", "demo", "--set", "dtype=float32", "--served", str(demo)]
        assert main([*words, *few]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)["result"]
        assert main(["endpoint", url, "--served", "another/model"]) == 1
        assert "another/model" in capsys.readouterr().err
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_behind_a_real_server_answers_as_the_bench(
    demo_home: Path, demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = demo_behind("float32", demo, tmp_path, capsys)
    assert found["greedy"]["share"] == 1.0, found["greedy"]
    assert len(found["greedy"]["answers"]) == 8
    assert found["tokens"]["same"] is True


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_in_bfloat16_is_told_from_the_bench(
    demo_home: Path, demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = demo_behind("bfloat16", demo, tmp_path, capsys)
    assert found["tokens"]["same"] is True
    assert found["greedy"]["share"] < 1.0
    assert found["greedy"]["verdict"]["code"] in ("endpoint.greedy.sixteen", "endpoint.greedy.rounding")
