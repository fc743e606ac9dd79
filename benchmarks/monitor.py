"""What a scrape of the monitor takes, idle and while the model generates; and whether scraping slows the model down."""

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.record import Outcome, Row, median_row
from workbench import Config, Session
from workbench.errors import WorkbenchError
from workbench.stats import ratio_interval

QUESTION = "a scrape of session.monitor as Prometheus asks for it, from connecting to the last byte"
LIMIT_S = 0.05
_SCRAPES = 200
_PAUSE_S = 0.02
_BUSY_PAUSE_S = 0.1  # ten scrapes a second: far more than anybody's
_NEW_TOKENS = 32
_LEAST_PAIRS = 6
_HEADERS = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def run(budget_s: float) -> Outcome:
    """Scrapes of an idle and of a generating session; then answers by turns with and without a scraper beside them."""
    with (
        Session("demo", config=Config(eos_token_ids=(0,)), when_busy="beside") as session,
        session.monitor(0) as monitor,
    ):
        answer(session)
        time.sleep(2.0)  # the sampler's first looks
        idle = scrapes(monitor.url)
        with meanwhile(lambda: answer(session)):
            busy = scrapes(monitor.url)
        pairs: list[tuple[float, float]] = []
        began = time.monotonic()
        while len(pairs) < _LEAST_PAIRS or time.monotonic() - began < budget_s / 2:
            first = answer(session)
            with meanwhile(lambda: ten_a_second(monitor.url)):
                middle = [answer(session) for _ in range(2)]
            last = answer(session)
            pairs.append(
                (middle[0] * middle[1], first * last)
            )  # time alone ÷ time scraped is rate scraped ÷ rate alone
        size = len(fetch(monitor.url))
        threads = session.resolved.threads
    speed, (low, high) = ratio_interval(pairs)
    return Outcome(
        "monitor",
        QUESTION,
        (
            *median_row("idle", idle, LIMIT_S),
            *median_row("while it generates", busy, LIMIT_S),
            Row("tokens/s with ten scrapes a second ÷ without", speed**0.5, "×", (low**0.5, high**0.5)),
            Row("answer, compressed", size, "B"),
        ),
        {"model": "demo", "threads": threads, "new": _NEW_TOKENS, "pairs": len(pairs)},
        {"idle_s": idle, "generating_s": busy, "abba_products_s2": [part for pair in pairs for part in pair]},
    )


def fetch(url: str) -> bytes:
    with _OPENER.open(urllib.request.Request(url, headers=_HEADERS), timeout=30) as said:
        whole: bytes = said.read()
    return whole


def scrapes(url: str) -> list[float]:
    """Seconds of each."""
    taken = []
    for _ in range(_SCRAPES):
        began = time.perf_counter()
        fetch(url)
        taken.append(time.perf_counter() - began)
        time.sleep(_PAUSE_S)
    return taken


def answer(session: Session) -> float:
    """Seconds of one answer."""
    began = time.perf_counter()
    session.generate("Write about the sea.", _NEW_TOKENS)
    return time.perf_counter() - began


def ten_a_second(url: str) -> None:
    fetch(url)
    time.sleep(_BUSY_PAUSE_S)


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Within it `work` is done again and again on a thread; what it raised is raised at the end."""
    ended, failures = threading.Event(), list[Exception]()

    def loop() -> None:
        try:
            while not ended.is_set():
                work()
        except (OSError, WorkbenchError) as error:
            failures.append(error)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]
