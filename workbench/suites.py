"""The texts that quality is judged on: our own suite by domain, or a person's file. Nothing here needs torch.

The texts under `probes/texts/` were written for the workbench and are versioned. What calibrates a quantisation is
kept in a file of its own and shares no passage with them: a text that made the weights would flatter them.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from workbench.catalog.data import nearest
from workbench.errors import ConfigError
from workbench.results.base import Result
from workbench.results.reference import ANSWER_TOKENS

_T = TypeVar("_T")
VERSION = "1"  # goes up with every change of a text: results of two versions are not compared
DOMAINS = ("chinese", "chinese_punctuation", "mathematics", "code", "english", "long_context")
OWN = "own_text"  # the domain of a person's file
NAMES = ("default", "short", "long")
DECODING_VERSION = "1"  # of the prompts on which decoding settings are judged; goes up with every change of one

# suite -> tokens of each domain; of the long context: (tokens, how many of them come before the ones that are judged)
_TOKENS = {"default": 256, "short": 72, "long": 768}
_LONG_CONTEXT = {"default": (1024, 768), "short": (224, 160), "long": (1536, 512)}
_SHORT_PROMPTS = 5  # one of each domain; no multiple choice: a few questions would tell nothing
_SHORT_ANSWERS = 16  # tokens
_OWN_WINDOWS = 4  # places that a long file is read at
_OWN_TOKENS = 384
_OWN_CHARACTERS = 8 * _OWN_TOKENS  # more than that many tokens of any script
SHORTEST = 200  # characters of a person's file
_LARGEST = 16 * 2**20
_MOST_PROMPTS = 64


class Passage(Result):
    """Text that is read in one pass.

    text      as it is; with `messages` instead, a conversation in the model's own chat format
    tokens    how many are run at most: what a vocabulary makes of the text decides whether there are as many
    skip      how many of them are context only: the positions from there on are judged
    """

    domain: str
    text: str = ""
    messages: tuple[dict[str, str], ...] | None = None
    tokens: int
    skip: int = 0


class Prompt(Result):
    """What is answered: one user turn, or a conversation that ends with one."""

    domain: str
    text: str = ""
    messages: tuple[dict[str, str], ...] | None = None

    @property
    def content(self) -> str | list[dict[str, str]]:
        """As `Session.generate` takes it."""
        return self.text if self.messages is None else [dict(message) for message in self.messages]

    @property
    def shown(self) -> str:
        """As a person reads it."""
        return self.text if self.messages is None else "\n".join(message["content"] for message in self.messages)


class Choice(Result):
    """A question with four endings, of which `options[answer]` is the right one."""

    id: str
    domain: str
    question: str
    options: tuple[str, ...]
    answer: int


class Question(Result):
    """A question to reason about; its answer is a number or a single word."""

    id: str
    domain: str
    question: str
    answer: str


class Suite(Result):
    """What a model's quality is judged on.

    name           of our own suites, or "file"
    answer_tokens  of every prompt's answer: the steps of the decode path
    hash           of all the text, limits included: equal hashes mean the same work
    """

    name: str
    version: str
    passages: tuple[Passage, ...]
    prompts: tuple[Prompt, ...]
    choices: tuple[Choice, ...] = ()
    answer_tokens: int = ANSWER_TOKENS

    @property
    def hash(self) -> str:
        return _hash(self.model_dump(mode="json", exclude={"name"}))

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(passage.domain for passage in self.passages))


def suite(name_or_path: str | Path = "default") -> Suite:
    """ "default", "short", "long"; a text file (.txt, .md); or chat prompts (.jsonl), one a line.

    A line of .jsonl is a string, {"prompt": text} or {"messages": [{"role", "content"}, …]}.
    ConfigError names what is wrong with the name or the file.
    """
    if name_or_path in NAMES:
        return _built_in(str(name_or_path))
    path = Path(name_or_path)
    if not path.suffix and not path.exists():
        known = ", ".join(NAMES)
        raise ConfigError("suite.unknown", name=repr(str(name_or_path)), known=known, nearest=nearest(path.name, NAMES))
    if path.suffix == ".jsonl":
        return _of_prompts(path)
    return _of_text(path, read(path))


def questions() -> tuple[Question, ...]:
    """The checkable set that reasoning models answer: Chinese and English."""
    return tuple(Question(**row) for row in _rows("reasoning.jsonl"))


def decoding_prompts() -> tuple[Prompt, ...]:
    """What decoding settings are judged on: English, Chinese, code; long answers, short ones, lists."""
    return tuple(Prompt(**row) for row in _rows("decoding.jsonl"))


def calibration() -> tuple[str, ...]:
    """Texts to calibrate a quantisation with: Chinese, English, mathematics, code. None of them is in a suite."""
    text = (files("workbench.probes") / "texts" / "calibration.txt").read_text(encoding="utf-8")
    return tuple(part.strip() for part in text.split("\n\n\n") if part.strip())


def _built_in(name: Literal["default", "short", "long"] | str) -> Suite:
    passages = []
    for domain in DOMAINS:
        text = (files("workbench.probes") / "texts" / f"{domain}.txt").read_text(encoding="utf-8")
        tokens, skip = _LONG_CONTEXT[name] if domain == "long_context" else (_TOKENS[name], 0)
        passages.append(Passage(domain=domain, text=text, tokens=tokens, skip=skip))
    short = name == "short"
    prompts = [Prompt(**row) for row in _rows("prompts.jsonl")]
    return Suite(
        name=name,
        version=VERSION,
        passages=tuple(passages),
        prompts=tuple(_spread(prompts, _SHORT_PROMPTS) if short else prompts),
        choices=() if short else tuple(Choice(**row) for row in _rows("choices.jsonl")),
        answer_tokens=_SHORT_ANSWERS if short else ANSWER_TOKENS,
    )


def _of_text(path: Path, text: str) -> Suite:
    """Windows of the file, evenly apart: its beginning alone would be the title page of a book."""
    if len(text.strip()) < SHORTEST:
        raise ConfigError("suite.too_short", file=path.name, characters=len(text.strip()), least=SHORTEST)
    count = min(_OWN_WINDOWS, max(len(text) // _OWN_CHARACTERS, 1))
    starts = [_line_start(text, index * len(text) // count) for index in range(count)]
    windows = [text[start : start + _OWN_CHARACTERS] for start in starts]
    return Suite(
        name="file",
        version=VERSION,
        passages=tuple(Passage(domain=OWN, text=window, tokens=_OWN_TOKENS) for window in windows if window.strip()),
        prompts=_built_in("short").prompts,
    )


def prompts_of(source: Path | Sequence[Any]) -> list[Prompt]:
    """Chat prompts of a .jsonl file, a line each; or of a sequence of what such a line may hold. ConfigError."""
    if isinstance(source, Path):
        lines = enumerate(read(source).split("\n"), start=1)
        return [_prompt(source.name, number, line) for number, line in lines if line.strip()]
    return [_prompt_of("–", number, row) for number, row in enumerate(source, start=1)]


def _of_prompts(path: Path) -> Suite:
    prompts = prompts_of(path)
    if len(prompts) > _MOST_PROMPTS:
        raise ConfigError("suite.too_many", file=path.name, count=len(prompts), most=_MOST_PROMPTS)
    passages = [
        Passage(domain=OWN, text=prompt.text, messages=prompt.messages, tokens=_OWN_TOKENS) for prompt in prompts
    ]
    return Suite(name="file", version=VERSION, passages=tuple(passages), prompts=tuple(prompts))


def _prompt(file: str, number: int, line: str) -> Prompt:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _bad_line(file, number, str(error)) from None
    return _prompt_of(file, number, row)


def _prompt_of(file: str, number: int, row: Any) -> Prompt:
    try:
        if isinstance(row, str):
            row = {"prompt": row}
        if set(row) == {"prompt"} and isinstance(row["prompt"], str) and row["prompt"].strip():
            return Prompt(domain=OWN, messages=({"role": "user", "content": row["prompt"]},))
        found = Prompt(domain=OWN, messages=tuple(row["messages"]))
        if any(set(message) != {"role", "content"} or not message["content"].strip() for message in row["messages"]):
            raise ValueError('a message is {"role", "content"} with text in it')
        if not found.messages or found.messages[-1]["role"] != "user":
            raise ValueError("a conversation ends with a message of the user")
        return found
    except ValidationError as error:
        raise _bad_line(file, number, error.errors()[0]["msg"]) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise _bad_line(file, number, problem) from None


def _bad_line(file: str, number: int, problem: str) -> ConfigError:
    return ConfigError("suite.bad_line", file=file, line=number, problem=problem)


def read(path: Path) -> str:
    """A person's text file. ConfigError says what is wrong with it."""
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise ConfigError("suite.too_large", file=path.name, megabytes=size / 1e6, most=_LARGEST / 1e6)
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("suite.not_utf8", file=path.name, position=error.start) from None
    except OSError as error:
        problem = error.strerror or type(error).__name__
        raise ConfigError("suite.not_readable", file=path.name or str(path), problem=problem) from None
    if not text.strip():
        raise ConfigError("suite.empty", file=path.name)
    if "\0" in text:
        raise ConfigError("suite.not_text", file=path.name)
    return text.replace("\r\n", "\n")


def _line_start(text: str, position: int) -> int:
    """The beginning of the line after `position`, where one begins soon."""
    after = text.find("\n", position, position + 200) + 1
    return after if position and after else position


def _rows(name: str) -> Iterator[dict[str, Any]]:
    text = (files("workbench.probes") / "texts" / name).read_text(encoding="utf-8")
    return (json.loads(line) for line in text.splitlines() if line.strip())


def _spread(all_of: list[_T], count: int) -> list[_T]:
    return [all_of[index * len(all_of) // count] for index in range(count)]


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
