"""Windows that slide over a long input: which tokens each pass is given, and which of them it scores."""

from typing import NamedTuple

from workbench.errors import ConfigError


class Span(NamedTuple):
    """Tokens `start` to `stop` go through the model together; of them `first` and later ones are scored."""

    start: int
    stop: int
    first: int


def spans(tokens: int, size: int, overlap: int) -> tuple[Span, ...]:
    """Windows of at most `size` tokens; each begins with the last `overlap` tokens of the one before.

    Every token but the first one, which nothing comes before, is scored exactly once, and by the first window that has
    it: with `overlap` or more tokens before it. ConfigError for a size or an overlap that cannot be.
    """
    if size < 2 or not 1 <= overlap < size:
        raise ConfigError("windows.bad_size", size=size, overlap=overlap, most=max(size - 1, 1))
    found = [Span(0, min(size, tokens), 1)]
    while found[-1].stop < tokens:
        stop = found[-1].stop
        start = stop - overlap
        found.append(Span(start, min(start + size, tokens), stop))
    return tuple(found)
