"""The text that a calibrated quantisation is made with: our own or a person's, and what it shares with the suites."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from workbench import suites

OWN = "the workbench's calibration text"
_PASSAGE = 1200  # characters that paragraphs of a file are joined to: a few hundred tokens
_SHARED = 40  # characters in a row that two texts hardly have in common by chance
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Calibration:
    """name: of the text, without folders · leaked: domains of the suites that share passages with it"""

    name: str
    passages: tuple[str, ...]
    leaked: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(self.passages, ensure_ascii=False).encode()).hexdigest()


def calibration(path: Path | None = None) -> Calibration:
    """The workbench's own text, or that of a UTF-8 file. ConfigError when the file is none."""
    if path is None:
        return Calibration(OWN, suites.calibration())
    passages = tuple(joined(suites.read(path)))
    return Calibration(path.name, passages, leaked(passages))


def joined(text: str) -> list[str]:
    """The paragraphs of `text`, short ones joined."""
    found: list[str] = []
    for paragraph in (part.strip() for part in re.split(r"\n\s*\n", text)):
        if found and len(found[-1]) + len(paragraph) < _PASSAGE:
            found[-1] = f"{found[-1]}\n\n{paragraph}"
        elif paragraph:
            found.append(paragraph)
    return found


def leaked(passages: tuple[str, ...]) -> tuple[str, ...]:
    """Domains of the built-in suites of which 40 characters in a row are in `passages`, spaces apart."""
    text = "\n".join(_plain(passage) for passage in passages)
    known = {text[at : at + _SHARED] for at in range(len(text) - _SHARED + 1)}
    suite = suites.suite("default")
    texts = [(passage.domain, passage.text) for passage in suite.passages]
    texts += [(choice.domain, choice.question) for choice in suite.choices]
    shared = {}
    for domain, judged in texts:
        plain = _plain(judged)
        if any(plain[at : at + _SHARED] in known for at in range(len(plain) - _SHARED + 1)):
            shared[domain] = True
    return tuple(shared)


def _plain(text: str) -> str:
    return _SPACES.sub("", text)
