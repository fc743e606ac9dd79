"""A text that calibrated the weights is known again wherever it is judged, and only there."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import workbench as wb
from tests.hub.tiny import write_model
from workbench import overlap
from workbench.hub.calibration import calibration
from workbench.hub.quantize import Order, _settle
from workbench.results import QualityDiff
from workbench.suites import suite

_WORDS = (
    "wave",
    "harbour",
    "lamp",
    "winter",
    "copper",
    "letter",
    "orchard",
    "signal",
    "ladder",
    "river",
    "mirror",
    "engine",
)


def prose(seed: int, words: int = 400) -> str:
    numbers = random.Random(seed)
    return " ".join(numbers.choice(_WORDS) for _ in range(words))


@pytest.mark.parametrize("wide", [prose(1), "".join(chr(0x4E00 + 7 * at % 5000) for at in range(3000))])
def test_a_passage_of_that_length_is_found_wherever_it_stands(wide: str) -> None:
    text = overlap.plain(wide)
    for at in range(0, len(text) - overlap.CERTAIN, 37):
        copied = f"{prose(2, 60)}{text[at : at + overlap.CERTAIN]}{prose(3, 60)}"
        assert overlap.marks(text) & overlap.marks(overlap.plain(copied)), at


def test_other_text_of_the_same_words_is_not_taken_for_it() -> None:
    known = overlap.marks(overlap.plain(prose(1, 4000)))
    assert overlap.share([prose(seed) for seed in range(2, 12)], known) == 0


def test_marks_are_few_and_survive_a_config() -> None:
    text = overlap.plain(prose(1, 2000))
    found = overlap.marks(text)
    assert 0.02 * len(text) < len(found) < 0.05 * len(text)
    assert overlap.unpacked(json.loads(json.dumps(overlap.packed(found)))) == found
    assert overlap.unpacked(overlap.packed(frozenset())) == frozenset()
    assert [overlap.unpacked(text) for text in (None, 7, "%", "YWJj")] == [None] * 4


def test_a_share_is_of_the_text_and_white_space_hides_nothing() -> None:
    own, other = prose(1), prose(2)
    known = overlap.marks(overlap.plain(own))
    assert overlap.share([own.replace(" ", "\n\n")], known) == 1
    assert overlap.share([own, other], known) == pytest.approx(0.5, abs=0.05)
    assert overlap.share([own[:90]], known) in (0, 1)
    assert overlap.share([], known) == overlap.share(["short"], known) == 0


@pytest.fixture
def calibrated(tmp_path: Path, demo_models: Path, own_demo_home: Path) -> Callable[[Path], str]:
    """A model whose config.json is what `workbench quantize` leaves of that text; its weights are in full."""

    def made(text: Path) -> str:
        source, copy = tmp_path / "source", tmp_path / "tiny"
        source.mkdir()
        write_model(source, next(demo_models.glob("SmolLM2*")))
        shutil.copytree(source, copy)
        (copy / "quantize_config.json").write_text("{}")
        _settle(Order(source, "tiny", "gptq", 4, 32, calibration(text)), copy)
        return str(copy)

    return made


def judged(model: str, *texts: Path | str) -> list[QualityDiff]:
    with wb.Session(model, host="inline", config=wb.Config(dtype="float32", threads=1)) as session:
        return [session.quality(suite=text) for text in texts]


def told(found: QualityDiff) -> list[str]:
    return [str(flag) for flag in found.flags if flag.code.startswith(("quality.leaked", "quality.calibration"))]


@pytest.mark.model
def test_a_person_s_own_text_that_calibrated_the_weights_is_known(
    tmp_path: Path, calibrated: Callable[[Path], str]
) -> None:
    own, other = tmp_path / "own.txt", tmp_path / "other.txt"
    own.write_text(prose(1))
    other.write_text(prose(2))
    itself, apart, short = judged(calibrated(own), own, other, "short")
    assert itself.calibrated_by is not None
    (said,) = told(itself)
    assert "own text 100" in said
    assert told(apart) == told(short) == []


@pytest.mark.model
def test_a_leak_into_our_suite_is_none_into_a_text_that_shares_nothing(
    tmp_path: Path, calibrated: Callable[[Path], str]
) -> None:
    english = next(one.text for one in suite("short").passages if one.domain == "english")
    used, other = tmp_path / "used.txt", tmp_path / "other.txt"
    used.write_text(prose(3) + "\n\n" + english)
    other.write_text(prose(2))
    short, apart = judged(calibrated(used), "short", other)
    (said,) = told(short)
    assert "(English 100" in said
    assert "Chinese" not in said
    assert told(apart) == []
