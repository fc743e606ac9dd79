"""What would run past the trained context is refused with the numbers before anything is written."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from workbench.catalog.random_names import parse
from workbench.engine import random_model

LIMIT = 96
LONG = "one two three four " * (LIMIT // 4)
STUDIES: dict[str, Callable[[wb.Session], Any]] = {
    "decoding": lambda session: session.decoding([{}], prompts=["short", LONG], seeds=1, max_new_tokens=2),
    "stopping": lambda session: session.stopping(after=1, prompts=["short", LONG], max_new_tokens=2),
    "tokens": lambda session: session.tokens(max_new_tokens=LIMIT),
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, demo_home: Path) -> Iterator[wb.Session]:
    folder = tmp_path_factory.mktemp("models") / "short-sighted"
    spec = parse("random:deepseek-llm-7b-base?scale=tiny&layers=1")
    for part in random_model.build(spec, torch.float32, torch.device("cpu")):
        part.save_pretrained(folder)
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**fields, "max_position_embeddings": LIMIT}))
    with wb.Session(str(folder), config=wb.Config(dtype="float32", threads=1), host="inline") as session:
        yield session


@pytest.mark.parametrize("study", STUDIES)
def test_beyond_the_context_is_refused_before_the_run(
    session: wb.Session, monkeypatch: pytest.MonkeyPatch, study: str
) -> None:
    resident: Any = session._bench.host.engine  # type: ignore[union-attr]
    written: list[int] = []
    produce = resident.produce

    def watched(batch: Any, streamer: Any, new_tokens: int, **options: Any) -> Any:
        written.append(batch["input_ids"].shape[1] + new_tokens)
        return produce(batch, streamer, new_tokens, **options)

    monkeypatch.setattr(resident, "produce", watched)
    before = session.config
    with pytest.raises(wb.ConfigError) as caught:
        STUDIES[study](session)
    assert caught.value.code == "probe.too_long"
    assert caught.value.params["limit"] == LIMIT
    assert caught.value.params["total"] == caught.value.params["prompt"] + caught.value.params["new"] > LIMIT
    assert all(total <= LIMIT for total in written)
    assert study == "tokens" or not written
    assert session.config == before
