"""Whether what is judged calibrated the weights: marks of one text, few enough for a config.json, sought in another.

Winnowing (Schleimer, Wilkerson and Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003): of
so many windows in a row the one with the least hash is a mark. Texts that are alike somewhere choose alike there.
"""

import base64
import binascii
import hashlib
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator

WINDOW = 40  # characters in a row that two texts hardly have in common by chance
_CHOICE = 61  # windows of which one is a mark: a mark for about every 31 characters
CERTAIN = WINDOW + _CHOICE - 1  # characters in a row in both texts that surely have a mark in both
_BYTES = 5  # of a hash: of 10⁶ marks one in 10⁶ windows hits by chance
_SPACES = re.compile(r"\s+")


def plain(text: str) -> str:
    """Without white space, and each character in its compatible form: a copy that was set anew is still a copy."""
    return _SPACES.sub("", unicodedata.normalize("NFKC", text))


def marks(text: str) -> frozenset[bytes]:
    """Of plain text; none of one that is shorter than a window."""
    rising: deque[tuple[int, bytes]] = deque()
    chosen = set()
    last = -1
    for last, value in enumerate(_hashes(text)):
        while rising and rising[-1][1] >= value:
            rising.pop()
        rising.append((last, value))
        if rising[0][0] <= last - _CHOICE:
            rising.popleft()
        if last >= _CHOICE - 1:
            chosen.add(rising[0][1])
    if 0 <= last < _CHOICE - 1:
        chosen.add(rising[0][1])
    return frozenset(chosen)


def packed(found: frozenset[bytes]) -> str:
    """As a config.json carries them."""
    return base64.b64encode(b"".join(sorted(found))).decode()


def unpacked(text: object) -> frozenset[bytes] | None:
    """None: these are no marks."""
    if not isinstance(text, str):
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return None if len(data) % _BYTES else frozenset(data[at : at + _BYTES] for at in range(0, len(data), _BYTES))


def share(texts: Iterable[str], known: frozenset[bytes]) -> float:
    """How much of `texts` stands in the text that `known` are the marks of, by the marks of theirs that are known.

    A text too short for its marks to be sure counts whole when any of its windows is known.
    """
    held = total = 0.0
    for text in map(plain, texts):
        length = len(text)
        if length < CERTAIN:
            part = float(any(value in known for value in _hashes(text)))
        else:
            own = marks(text)
            part = len(own & known) / len(own)
        held += part * length
        total += length
    return held / total if total else 0.0


def _hashes(text: str) -> Iterator[bytes]:
    for at in range(len(text) - WINDOW + 1):
        yield hashlib.blake2b(text[at : at + WINDOW].encode(errors="replace"), digest_size=_BYTES).digest()
