"""The text that a calibrated quantisation is made with: our own or a person's; what it shares with other texts."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from workbench import overlap, suites
from workbench.overlap import WINDOW, plain

OWN = "the workbench's calibration text"
_PASSAGE = 1200  # characters that paragraphs of a file are joined to: a few hundred tokens


@dataclass(frozen=True)
class Calibration:
    """name: of the text, without folders · leaked: domains of the suites that share passages with it"""

    name: str
    passages: tuple[str, ...]
    leaked: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(self.passages, ensure_ascii=False).encode()).hexdigest()

    @property
    def marks(self) -> str:
        """By which any text that is judged later, a person's own too, is known to be this one."""
        return overlap.packed(overlap.marks("".join(map(plain, self.passages))))


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
    text = "\n".join(map(plain, passages))
    known = {text[at : at + WINDOW] for at in range(len(text) - WINDOW + 1)}
    suite = suites.suite("default")
    texts = [(passage.domain, passage.text) for passage in suite.passages]
    texts += [(choice.domain, choice.question) for choice in suite.choices]
    shared = {}
    for domain, judged in texts:
        sought = plain(judged)
        if any(sought[at : at + WINDOW] in known for at in range(len(sought) - WINDOW + 1)):
            shared[domain] = True
    return tuple(shared)
