"""Other languages: every sentence has its translation, which is filled and marked up as the English one is."""

import json
import re
import string
from pathlib import Path

import pytest

from tools.translations import catalog, lacking, left_over, sentences, write
from workbench import words
from workbench.knobs import KNOBS
from workbench.words import Message, language, languages, text, translate

LANGUAGES = tuple(name for name in languages() if name != "en")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
# words that are the field's own in every language: names, units, code
_MOST_AS_THEY_ARE = 0.12


def fields(sentence: str) -> list[tuple[str, str, str]]:
    found = string.Formatter().parse(sentence)
    return sorted((name, how or "", asked or "") for _, name, how, asked in found if name is not None)


def test_there_is_chinese() -> None:
    assert "zh" in LANGUAGES


@pytest.mark.parametrize("name", LANGUAGES)
def test_nothing_lacks_and_nothing_is_left_over(name: str) -> None:
    assert lacking(name) == []
    assert left_over(name) == []


@pytest.mark.parametrize("name", LANGUAGES)
def test_each_is_filled_and_marked_up_like_its_english(name: str) -> None:
    wrong = []
    for room in catalog(name).values():
        for sentence, said in room.items():
            same = [
                fields(sentence) == fields(said),
                sorted(re.findall(r"</?\w+", sentence)) == sorted(re.findall(r"</?\w+", said)),
                sorted(re.findall(r"`[^`]*`", sentence)) == sorted(re.findall(r"`[^`]*`", said)),
                (sentence[:1].isspace(), sentence[-1:].isspace()) == (said[:1].isspace(), said[-1:].isspace()),
            ]
            if not all(same):
                wrong.append((sentence, said))
    assert wrong == []


def test_it_is_chinese() -> None:
    said = [each for room in catalog("zh").values() for each in room.values()]
    as_they_are = [each for each in said if not _CHINESE.search(each)]
    assert len(as_they_are) / len(said) < _MOST_AS_THEY_ARE


@pytest.mark.parametrize("asked", ["zh", "zh_CN", "zh-CN.UTF-8", "ZH"])
def test_the_language_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("WORKBENCH_LANG", asked)
    assert language() == "zh"
    assert _CHINESE.search(text("panel.state.idle"))
    assert _CHINESE.search(str(Message(code="panel.state.idle")))
    assert _CHINESE.search(translate(KNOBS["attention"].label))


@pytest.mark.parametrize("asked", ["", "en", "xx", "../zh", "C.UTF-8"])
def test_any_other_is_english(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("WORKBENCH_LANG", asked)
    assert language() == "en"
    assert text("panel.state.idle") == words.templates()["panel.state.idle"]


def test_a_sentence_that_lacks_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "xx").mkdir()
    rooms = sentences()
    known = {sentence: "said" for room in rooms.values() for sentence in room}
    gone, *_ = rooms["panel"]
    del known[gone]
    known["nobody says this"] = "said"
    (tmp_path / "xx" / "all.json").write_text(json.dumps(known), encoding="utf-8")
    monkeypatch.setattr("tools.translations.LOCALE", tmp_path)
    assert lacking("xx") == [gone]
    assert left_over("xx") == ["nobody says this"]


def test_writing_keeps_what_is_translated_and_drops_what_nothing_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tools.translations.LOCALE", tmp_path)
    (tmp_path / "xx" / "notebooks").mkdir(parents=True)
    kept, *_ = sentences()["panel"]
    (tmp_path / "xx" / "old.json").write_text(json.dumps({kept: "said", "gone": "?"}), encoding="utf-8")
    write("xx")
    assert catalog("xx")["panel"][kept] == "said"
    assert left_over("xx") == []
    assert len(lacking("xx")) == sum(map(len, sentences().values())) - 1
    assert (tmp_path / "xx" / "notebooks").is_dir()
