"""The report on a bench: what is in it, that it is one file, and that nothing foreign in it is markup."""

import hashlib
import html as markup
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from tests.charts.quality_samples import quality
from tests.charts.samples import HOSTILE
from workbench import cli
from workbench.constraints import limits
from workbench.errors import ConfigError, StoreError
from workbench.report import html, markdown, signing
from workbench.report.section import Section

TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"
WORK = wb.Workload(prompt_tokens=16, new_tokens=4)


@pytest.fixture(scope="module")
def session(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[wb.Session]:
    config = wb.Config(dtype="float32", threads=1)
    store = tmp_path_factory.mktemp("store") / "runs.sqlite3"
    with wb.Runs(store) as runs, wb.Session(TINY, host="inline", runs=runs, config=config) as session:
        session.measure(WORK, budget_s=1)
        session.compare({"attention": "eager"}, {"attention": "sdpa"}, WORK, budget_s=1)
        session.apply(attention="eager")
        session.measure(WORK, budget_s=1)
        yield session


def test_it_says_what_was_found_and_asks_nothing_of_the_net(session: wb.Session, tmp_path: Path) -> None:
    page, text = session.report(tmp_path)
    assert (page.name, text.name) == ("report.html", "report.md")
    whole, plain = page.read_text(encoding="utf-8"), text.read_text(encoding="utf-8")
    comparison = session.last["comparison"]
    for shown in (session.machine.label, "attention=eager", str(comparison.verdict["decode_tps"])):
        assert markup.escape(shown) in whole
        assert shown.replace("|", "\\|").replace("<", "&lt;") in plain
    assert '"attention": "eager"' in plain  # a random model has no code that loads it
    assert "Plotly.newPlot('plot-" in whole
    ours = re.sub(r"<script>.*?</script>", "", whole, flags=re.S)
    assert not re.search(r"(src|href)\s*=", ours)
    assert "no verdict" in ours  # of the table of single measurements


def test_what_is_signed(session: wb.Session, tmp_path: Path) -> None:
    targets = {"decode_tps": ">=0.001", "ttft_s": "<1us", "kld_mean": "<0.05"}
    back = wb.Config(threads=1)
    paths = session.report(tmp_path, sign_off=True, targets=targets, roll_back=back)
    assert wb.Config.from_json(paths[2].read_text(encoding="utf-8")) == session.config
    plain = paths[1].read_text(encoding="utf-8")
    rows = {line.split(" | ")[0].strip("| "): line for line in plain.splitlines() if line.startswith("| ")}
    assert next(line for name, line in rows.items() if name.startswith("decode_tps")).endswith("| met |")
    assert "not met" in next(line for name, line in rows.items() if name.startswith("ttft_s"))
    assert "not measured" in next(line for name, line in rows.items() if name.startswith("kld_mean"))
    newest = session.runs.list(kind="measurement", limit=1)[0]["id"]
    assert f"#{newest}" in rows["evidence"]
    assert "workbench check config.json" in rows["guarded by"]
    assert json.dumps(json.loads(back.to_json()), indent=1) in plain


@pytest.mark.parametrize(
    ("bounds", "said"),
    [((31.0, 35.0), "met"), ((28.0, 35.0), "not clear"), ((20.0, 29.0), "not met"), (None, "met")],
)
def test_a_target_is_met_where_the_whole_interval_keeps_it(bounds: tuple[float, float] | None, said: str) -> None:
    (limit,) = limits({"decode_tps": ">=30"})
    assert signing._met(limit, 32.0 if said != "not met" else 25.0, bounds).startswith(said)


def test_a_target_of_quality_is_held_to_its_interval_too() -> None:
    found = quality()
    for metric in ("kld_mean", "same_top", "ppl_ratio"):
        value, (low, high) = getattr(found, metric), getattr(found, f"{metric}_ci95")
        assert low < value < high
        (within,) = limits({metric: f"<{(value + high) / 2}"})  # the value keeps it, not all of the interval
        rows = signing._targets((within,), None, found).rows
        assert rows[0][3].startswith("not clear"), metric


def test_the_model_is_named_to_the_byte(session: wb.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    files = {"config.json": b"{}", "model.safetensors": b"weights", "tokenizer.json": b"words", "notes.txt": b"?"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    source = session._bench.source
    assert source is not None
    monkeypatch.setattr(session._bench, "source", source.model_copy(update={"path": folder}))
    plain = session.report(tmp_path / "out", sign_off=True)[1].read_text(encoding="utf-8")
    for name, content in files.items():
        assert (hashlib.sha256(content).hexdigest() in plain) is (name != "notes.txt")


def test_a_target_that_is_none_and_a_disk_that_refuses(session: wb.Session, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        session.report(tmp_path, targets={"decode_tps": "fast"})
    assert not list(tmp_path.iterdir())
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="could not be written"):
        session.report(file)


def test_nothing_foreign_is_markup() -> None:
    figure = {"data": [{"x": ["</script><img src=x onerror=alert(1)>"], "y": [1]}], "layout": {}}
    sections = [Section(HOSTILE, (HOSTILE,), ("", HOSTILE), ((HOSTILE, HOSTILE),), figure, HOSTILE)]
    whole = html(sections)
    assert "<img" not in whole.partition("</head>")[2]
    assert markup.escape("<img src=x") in whole
    assert "\u202e" not in whole
    assert whole.count("</script>") == 2  # plotly's, and the chart's
    assert "<img" not in markdown(sections).partition("```")[0]


def test_the_command(demo_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    argv = ["report", TINY, "--set", "threads=1", "--output", str(out), "--target", "decode_tps>=1", "--json"]
    assert cli.main(argv) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == [str(out / name) for name in ("report.html", "report.md", "config.json")]
    assert cli.main([*argv[:-3], "--target", "quick"]) == 2
    assert "is no target" in capsys.readouterr().err
