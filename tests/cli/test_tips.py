"""workbench tips: the list, a card, one document; expectations are called that."""

import json
import shutil
from pathlib import Path

import pytest

from tests.knobs.facts import PLAIN, having
from workbench.cli import main
from workbench.cli.tips import card_lines, counted, list_lines
from workbench.results import Capability
from workbench.tips import TIPS, Tip, Verdict, can_test
from workbench.tips.shown import record

CPU = having(PLAIN, "bitsandbytes", "torchao")
JUDGED = [(each, can_test(each, CPU)) for each in TIPS.values()]


@pytest.fixture
def known(workbench_home: Path, demo_models: Path) -> None:
    """A doctor that knows torch already."""
    shutil.copy(demo_models.parent / "machine.json", workbench_home)


@pytest.mark.usefixtures("known")
def test_the_list_has_all_of_them_and_calls_expectations_that(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tips", "list"]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[2:] if line[:1] in "SMRU" and line.strip()] == list(TIPS)
    assert "expected, not measured" in shown.splitlines()[0]
    assert "is no result of this machine" in shown


@pytest.mark.usefixtures("known")
def test_a_topic_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tips", "list", "--topic", "tokens", "--json"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["schema"] == "workbench.tips/1"
    assert {each["id"] for each in document["result"]} == {"S0-18", "S0-19", "S0-20", "S0-21", "S0-22", "M-1"}
    assert "6 tips" in said.err


@pytest.mark.usefixtures("known")
def test_one_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tips", "show", "s0-14", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "workbench.tip/1"
    found = document["result"]
    assert found["expected"]["verdict"] == "does not hold"
    assert found["experiment"]["kind"] == "probe"
    assert found["holds_if"][0]["low"] == 1.05
    assert found["notebook"] == "03_quantization"
    assert "verdict" not in found, "there is no verdict but the expected one"


WRONG = [["show", "S014"], ["list", "--topic", "tokenz"], ["show"], [], ["run"], ["run", "S014"]]
WRONG += [["run", "--all", "--budget", word] for word in ("soon", "0", "-1m", "m")]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tips", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err


@pytest.mark.parametrize(("tip", "can"), JUDGED, ids=TIPS)
def test_every_card_tells_all_of_it(tip: Tip, can: Capability) -> None:
    lines = card_lines(tip, can)
    shown = " ".join(" ".join(lines).split())
    for words in (tip.statement, tip.expected.reason, tip.instead, f"expected verdict {tip.expected.verdict}"):
        assert " ".join(words.split()) in shown
    assert all(str(limit) in shown for limit in tip.holds_if)
    assert lines[-1].startswith("Expected, not measured")
    assert max(map(len, lines)) <= 140
    assert json.loads(json.dumps(record(tip, can)))["testable_here"]["ok"] is can.ok


def test_a_card_says_what_a_quantity_is() -> None:
    shown = {tip.id: " ".join(" ".join(card_lines(tip, can)).split()) for tip, can in JUDGED}
    assert "prefill tps is at most 1.05 — Prefill, B ÷ A" in shown["S0-1"]
    assert "bytes ratio is from 1.05 to 1.25 — bytes of the weights ÷ those in `against`" in shown["S0-14"]
    assert "against the reference, B ÷ A" in shown["S0-16"]
    assert "of B against A" in shown["S1-3"]


def test_what_is_counted() -> None:
    line = counted(JUDGED)
    assert line.startswith(f"{len(TIPS)} tips; this machine has what it takes to test {sum(c.ok for _t, c in JUDGED)} ")
    for verdict in {each.expected.verdict for each in TIPS.values()}:
        count = sum(each.expected.verdict is verdict for each in TIPS.values())
        assert f"{verdict} {count}" in line


def test_the_readme_counts_as_the_registry_does() -> None:
    readme = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
    not_held = sum(each.expected.verdict is Verdict.NOT for each in TIPS.values())
    assert f"lists {len(TIPS)} things that people say about tuning DeepSeek" in readme
    assert f"({not_held} are expected not to hold)" in readme


def test_long_words_are_folded() -> None:
    assert max(map(len, list_lines(JUDGED)[:-1])) <= 140


@pytest.mark.usefixtures("known")
def test_a_run_tells_each_verdict_and_keeps_it_for_the_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    assert main(["tips", "run", "S1-4", "s2-5", "S1-10", "--report", str(folder)]) == 0
    said = capsys.readouterr()
    assert "2 of 3 do not hold on this machine" in said.out.splitlines()[-1]
    assert "share of them with sparse attention" in said.out
    assert "S2-5: does not hold" in said.err
    assert sorted(path.name for path in folder.iterdir()) == ["tips.html", "tips.json", "tips.md"]
    assert main(["tips", "report", "--out", str(tmp_path / "again"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "workbench.tips/1"
    assert [run["id"] for run in document["result"]["runs"]] == [
        each for each in TIPS if each in ("S1-4", "S2-5", "S1-10")
    ]
    assert len(document["result"]["left"]) == len(TIPS) - 3
    pages = [(each / "tips.html").read_text(encoding="utf-8") for each in (folder, tmp_path / "again")]
    assert all("<script" not in page and "http" not in page for page in pages)


@pytest.mark.usefixtures("known")
def test_a_topic_in_a_budget_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tips", "run", "--topic", "hearsay", "--budget", "1m"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["tip", "what", "people", "say", "verdict", "here", "what", "decided", "it"]
    assert sum(line.startswith("U") for line in lines) == sum(each.topic == "hearsay" for each in TIPS.values())
    assert max(map(len, lines[:-1])) <= 140


@pytest.mark.usefixtures("known")
def test_there_is_no_report_before_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tips", "report"]) == 2
    assert "workbench tips run --all" in capsys.readouterr().err
