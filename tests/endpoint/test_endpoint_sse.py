"""The event stream parser against the standard's own examples, cut at every place."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.endpoint.sse import LONGEST, Events
from workbench.errors import EndpointError


def data(*blocks: bytes) -> list[str]:
    events = Events()
    return [each for block in blocks for each in events.feed(block)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: one\n\n", ["one"]),
        (b"data:one\n\ndata:  two\n\n", ["one", " two"]),  # one space is taken off, no more
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
        (b": a comment\n\ndata: x\nid: 1\nevent: token\nretry: 3\n\n", ["x"]),
        (b"data\n\ndata\ndata\n\ndata:", ["", "\n"]),  # what the standard says of empty data; the last never ends
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", ["a", "b", "c"]),
        (b"\xef\xbb\xbfdata: mark\n\n", ["mark"]),
        ("data: 海 𝄞\n\n".encode(), ["海 𝄞"]),
        (b"data: unfinished\n", []),
    ],
)
def test_events_are_those_of_the_standard(stream: bytes, expected: list[str]) -> None:
    assert data(stream) == expected
    assert data(*(stream[at : at + 1] for at in range(len(stream)))) == expected


_LINES = st.lists(st.sampled_from(["data: a", "data:", ": c", "data: é海", "", "id: 1", "data: {}"]), max_size=12)
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(lines=_LINES, end=_ENDS, cuts=st.lists(st.integers(0, 200), max_size=5))
def test_where_the_bytes_are_cut_does_not_matter(lines: list[str], end: str, cuts: list[int]) -> None:
    stream = "".join(line + end for line in lines).encode()
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    blocks = [stream[low:high] for low, high in pairwise(places)]
    assert data(*blocks) == data(stream)
    plain = "".join(line + "\n" for line in lines).encode()
    assert data(stream) == data(plain)


def test_bytes_that_are_no_text_are_an_error() -> None:
    with pytest.raises(EndpointError) as caught:
        data(b"data: \xff\xfe\n\n")
    assert caught.value.code == "endpoint.not_utf8"


@pytest.mark.parametrize("stream", [b"data: " + b"x" * LONGEST, b"data: 1234567\n" * (LONGEST // 13 + 1)])
def test_an_event_without_end_is_an_error(stream: bytes) -> None:
    with pytest.raises(EndpointError) as caught:
        data(*(stream[at : at + 65536] for at in range(0, len(stream), 65536)))
    assert caught.value.code == "endpoint.too_large"
