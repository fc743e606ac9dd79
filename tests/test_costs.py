"""By which way a comparison goes and what it costs, from facts."""

import pytest

from workbench.costs import Facts, decide, loads_of

GIB = 1 << 30


def facts(live: bool = False, process: bool = True, needs: int | None = GIB, free: int | None = 2 * GIB) -> Facts:
    return Facts(live, (True, False), process, needs, free)


@pytest.mark.parametrize(
    ("known", "way"),
    [
        (facts(live=True), "live"),
        (facts(live=True, process=False, free=None), "live"),
        (facts(), "two_engines"),
        (facts(free=GIB), "two_engines"),
        (facts(free=GIB - 1), "alternating"),
        (facts(free=None), "alternating"),
        (facts(needs=None), "alternating"),
        (facts(process=False), "alternating"),
    ],
)
def test_the_way_follows_from_memory_and_host(known: Facts, way: str) -> None:
    assert decide(known) == way


@pytest.mark.parametrize(
    ("way", "live_from_here", "pairs", "loads"),
    [
        ("live", (True, True), 20, 0),
        ("live", (False, False), 20, 2),  # both need the same reload: there and back
        ("two_engines", (True, False), 20, 1),
        ("two_engines", (False, True), 20, 1),
        ("two_engines", (False, False), 20, 3),
        ("alternating", (True, False), 6, 13),
        ("alternating", (True, False), 1, 3),
    ],
)
def test_loads_are_counted_there_and_back(way: str, live_from_here: tuple[bool, bool], pairs: int, loads: int) -> None:
    assert loads_of(way, live_from_here, pairs) == loads  # type: ignore[arg-type]
