"""The suites fill their budgets, keep apart from calibration, and a person's bad file is told what is wrong with it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from workbench import suites
from workbench.errors import ConfigError
from workbench.suites import Choice, Suite, calibration, questions, suite

NGRAM = {"words": 6, "characters": 12}


def own(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def ngrams(text: str) -> set[str]:
    """Runs of words, and of characters, which are the words of Chinese; white space and case do not hide a copy."""
    words = re.findall(r"\w+", text.lower())
    characters = re.sub(r"\s+", "", text.lower())
    spans = {" ".join(words[at : at + NGRAM["words"]]) for at in range(len(words) - NGRAM["words"] + 1)}
    chinese = {characters[at : at + NGRAM["characters"]] for at in range(len(characters) - NGRAM["characters"] + 1)}
    return spans | {run for run in chinese if any("\u4e00" <= character <= "\u9fff" for character in run)}


def every_evaluated_text() -> Iterator[str]:
    whole = suite("long")
    yield from (passage.text for passage in whole.passages)
    yield from (prompt.shown for prompt in whole.prompts)
    yield from (f"{choice.question} {option}" for choice in whole.choices for option in choice.options)
    yield from (question.question for question in questions())


def test_calibration_and_evaluation_share_no_passage() -> None:
    evaluated = set().union(*(ngrams(text) for text in every_evaluated_text()))
    calibrating = set().union(*(ngrams(text) for text in calibration()))
    assert len(calibrating) > 1000
    assert evaluated & calibrating == set()


def test_the_overlap_check_sees_a_copied_sentence() -> None:
    copied = suite("long").passages[0].text[100:140]
    assert ngrams(copied + "别的话" + calibration()[0]) & set().union(*map(ngrams, every_evaluated_text()))


@pytest.mark.parametrize("name", suites.NAMES)
def test_a_suite_has_each_domain_once(name: str) -> None:
    found = suite(name)
    assert found.domains == suites.DOMAINS
    assert len(found.passages) == len(suites.DOMAINS)
    assert all(0 <= passage.skip < passage.tokens for passage in found.passages)


@pytest.mark.parametrize("name", suites.NAMES)
def test_each_domain_fills_its_tokens_with_any_vocabulary(name: str) -> None:
    # DeepSeek-V3's 129k pieces hold at most 1.9 Chinese characters or 4.9 of English on the average
    for passage in suite(name).passages:
        chinese = sum("\u4e00" <= character <= "\u9fff" for character in passage.text)
        fewest = chinese / 1.9 + (len(passage.text) - chinese) / 4.9
        assert fewest > passage.tokens, passage.domain


def test_the_chinese_punctuation_is_of_every_kind() -> None:
    text = next(passage.text for passage in suite().passages if passage.domain == "chinese_punctuation")
    assert all(mark in text for mark in "，。；：？！、（）「」『』《》“”‘’…—［］·／" if mark not in "·")
    assert text.count("——") >= 5
    assert text.count("……") >= 5
    assert re.search(r"\d", text)
    assert re.search(r"[A-Z]{2}", text)  # half-width letters among full-width marks


def test_the_hash_is_of_what_is_run_and_not_of_the_name() -> None:
    first = suite("default")
    assert first.hash == suite("default").hash
    assert first.hash == first.model_copy(update={"name": "file"}).hash
    assert len({suite(name).hash for name in suites.NAMES}) == len(suites.NAMES)
    one = first.passages[0]
    longer = one.model_copy(update={"tokens": one.tokens + 1})
    assert first.model_copy(update={"passages": (longer, *first.passages[1:])}).hash != first.hash


def test_a_suite_travels_as_json() -> None:
    assert Suite.from_json(suite("short").to_json()) == suite("short")


def test_choices_can_be_checked() -> None:
    choices = suite().choices
    assert len(choices) >= 24
    assert len({choice.id for choice in choices}) == len(choices)
    for choice in choices:
        assert len(choice.options) == len(set(choice.options)) == 4
        assert 0 <= choice.answer < 4
    places = [choice.answer for choice in choices]
    assert max(places.count(place) for place in range(4)) <= len(places) * 0.4  # no place is worth guessing
    assert {choice.domain for choice in choices} == {"english", "chinese", "mathematics", "code"}


def right(choices: tuple[Choice, ...], name: str) -> str:
    found = next(choice for choice in choices if choice.id == name)
    return found.options[found.answer]


def test_the_arithmetic_of_the_sets_is_right() -> None:
    choices = suite().choices
    assert [right(choices, f"ma-0{number}") for number in (1, 2, 3, 4, 5)] == ["12", "54", "63", "9", "25"]
    answers = {question.id: question.answer for question in questions()}
    assert answers["en-01"] == str(18 // 3 * 2)
    assert answers["en-02"] == str(next(ben for ben in range(99) if ben + 10 == 2 * (ben - 2)))
    assert answers["en-03"] == str((17 * 60 + 20) - (14 * 60 + 45))
    assert answers["en-07"] == str("nevertheless".count("e"))
    assert answers["en-09"] == str(next(n for n in range(1, 999) if not (n % 4 or n % 6 or n % 10)))
    assert answers["en-10"] == str(next(n for n in range(99) if (2 * n - 9) / 5 == 7))
    assert answers["en-11"] == str(sum(a + b == 9 for a in range(1, 7) for b in range(1, 7)))
    assert answers["en-12"] == str(sum(n for n in range(1, 20) if n % 3 == 0))
    assert answers["zh-03"] == str(next(r for r in range(21) if 4 * r + 2 * (20 - r) == 56))
    assert answers["zh-04"] == str(sum(not (n % 2 or n % 7) for n in range(1, 51)))
    assert answers["zh-05"] == str(next(n for n in range(1, 999) if n * 8 * 12 == 192 * 100))
    assert answers["zh-06"] == "一二三四五六日"[(3 + 10) % 7]
    assert answers["zh-08"] == str(next(n for n in range(10, 99) if n // 10 - n % 10 == 3 and n // 10 + n % 10 == 11))
    assert answers["zh-12"] == str(115 // 5 + 2)


def test_questions_are_enough_and_in_two_languages() -> None:
    found = questions()
    assert len(found) >= 20
    assert {question.domain for question in found} == {"english", "chinese"}
    assert all(re.fullmatch(r"\d+|\w+", question.answer) for question in found)


def test_a_long_file_is_read_at_several_places(tmp_path: Path) -> None:
    text = "\n".join(f"Line {number} of a report that goes on for a while." for number in range(2000))
    found = suite(own(tmp_path, "report.md", text))
    assert found.name == "file"
    assert found.domains == ("own_text",)
    assert len(found.passages) == 4
    assert found.passages[-1].text.startswith("Line 15")
    assert found.prompts


def test_a_short_file_is_one_passage(tmp_path: Path) -> None:
    found = suite(own(tmp_path, "page.txt", "\ufeff" + "字" * 300))
    assert [passage.text for passage in found.passages] == ["字" * 300]


def test_chat_prompts(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "你好"}]
    lines = [json.dumps("Hello"), "", json.dumps({"prompt": "Why?"}), json.dumps({"messages": messages})]
    found = suite(str(own(tmp_path, "prompts.jsonl", "\n".join(lines))))
    assert [prompt.shown for prompt in found.prompts] == ["Hello", "Why?", "Be brief.\n你好"]
    assert found.prompts[2].content == messages
    assert len(found.passages) == 3


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("latin.txt", "caf\xe9 ".encode("latin-1") * 100, "suite.not_utf8"),
        ("gbk.txt", ("深度求索的模型" * 60).encode("gbk"), "suite.not_utf8"),
        ("wide.txt", ("text " * 100).encode("utf-16-le"), "suite.not_text"),
        ("empty.txt", b"", "suite.empty"),
        ("blank.md", b" \n\t\n", "suite.empty"),
        ("short.txt", b"Too short a text.", "suite.too_short"),
        ("empty.jsonl", b"\n\n", "suite.empty"),
        ("broken.jsonl", b'"fine"\n{"prompt": \n', "suite.bad_line"),
        ("number.jsonl", b"7", "suite.bad_line"),
        ("keys.jsonl", b'{"prompt": "a", "more": 1}', "suite.bad_line"),
        ("nothing.jsonl", b'{"prompt": " "}', "suite.bad_line"),
        ("list.jsonl", b"[1]", "suite.bad_line"),
        ("none.jsonl", b"null", "suite.bad_line"),
        ("last.jsonl", b'{"messages": [{"role": "assistant", "content": "x"}]}', "suite.bad_line"),
        ("no_messages.jsonl", b'{"messages": []}', "suite.bad_line"),
        ("role.jsonl", b'{"messages": [{"role": "user"}]}', "suite.bad_line"),
        ("text.jsonl", b'{"messages": "user"}', "suite.bad_line"),
        ("content.jsonl", b'{"messages": [{"role": "user", "content": 7}]}', "suite.bad_line"),
        ("many.jsonl", b'"again"\n' * 65, "suite.too_many"),
    ],
)
def test_a_bad_file_is_told_what_is_wrong(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    with pytest.raises(ConfigError) as failed:
        suite(own(tmp_path, name, content))
    assert failed.value.code == code
    assert name in str(failed.value)
    assert str(tmp_path) not in str(failed.value)


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Line 3 "):
        suite(own(tmp_path, "x.jsonl", '"one"\n\n{}\n'))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.txt cannot be read"):
        suite(tmp_path / "gone.txt")
    with pytest.raises(ConfigError, match="cannot be read"):
        suite(tmp_path)


def test_a_misspelt_suite_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Nearest: short"):
        suite("shrot")


@pytest.mark.model
@pytest.mark.slow
def test_the_demo_s_first_tokens_are_no_coin_toss(demo_home: Path) -> None:
    torch = pytest.importorskip("torch")
    with wb.Session("demo", config=wb.Config(dtype="float32", threads=1), host="inline") as session:
        tokenizer, model = session.tokenizer, session.model
        for passage in suite("default").passages:
            assert len(tokenizer(passage.text)["input_ids"]) >= passage.tokens, passage.domain
        for prompt in suite("default").prompts:
            turn = [{"role": "user", "content": prompt.text}]
            ids = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt")["input_ids"]
            with torch.inference_mode():
                first, second = model(ids).logits[0, -1].softmax(-1).topk(2).values.tolist()
            assert first > 2.4 * second, prompt.text


def test_the_short_suite_has_a_prompt_of_each_domain() -> None:
    short, whole = suite("short").prompts, suite("default").prompts
    assert len(whole) >= 8
    assert {prompt.domain for prompt in short} == {prompt.domain for prompt in whole}
    assert suite("short").answer_tokens < suite().answer_tokens
    assert not suite("short").choices  # a few would tell nothing
