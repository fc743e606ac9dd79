"""workbench compare and workbench scan: one document, or the verdicts in words."""

import json

import pytest

from workbench.cli import main

WORK = ["--prompt-tokens", "16", "--new-tokens", "4"]
TINY = "random:deepseek-llm-7b-base?scale=tiny&layers=2"


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "demo"],
        ["compare", "demo", "--against", "dtype=bfloat16", "--way", "sideways"],
        ["scan", "demo", "--values", "many"],
        ["scan", "demo", "--over", "atention=eager"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str], demo_home: object) -> None:
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.model
def test_compare_of_a_knob_that_reloads_tells_its_cost_first(
    demo_home: object, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", TINY, "--set", "dtype=bfloat16", "--against", "dtype=float32", "--quick", *WORK]
    assert main([*words, "--way", "alternating"]) == 0
    said = capfd.readouterr()
    assert "estimate, no verdict: bfloat16 runs at" in said.out
    assert "1 pairs of loads" in said.out
    told = [line for line in said.err.splitlines() if "reloads by turns" in line]
    assert told
    assert "A quick estimate, which is no verdict: 3 loads" in told[0]


@pytest.mark.model
def test_scan_as_a_table_and_as_a_document(demo_home: object, capfd: pytest.CaptureFixture[str]) -> None:
    words = [
        "scan",
        TINY,
        "--set",
        "dtype=float32",
        "--values",
        "16,32",
        "--over",
        "attention=eager,sdpa",
        "--precision",
        "0.9",
        *WORK[2:],
    ]
    assert main(words) == 0
    out = capfd.readouterr().out
    assert "eager" in out
    assert "sdpa agrees with eager" in out
    assert "2 values in" in out
    assert main([*words, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "workbench.scan/1"
    assert [point["value"] for point in document["result"]["points"]] == [16, 16, 32, 32]
