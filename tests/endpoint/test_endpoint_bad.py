"""Servers that misbehave: each a clear error, none a hang, nothing of the key in it."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.endpoint.misbehaving import (
    KEY,
    SHORT,
    a_list,
    broken_event,
    broken_json,
    circle,
    comments_for_ever,
    dies,
    dribbles,
    elsewhere,
    ends_early,
    error_inside,
    gibberish,
    headers_only,
    html,
    not_text,
    odd_content,
    one_line,
    other_json,
    refuses_and_hangs,
    silent,
    stalls,
    status,
    to_get,
    words,
)
from tests.endpoint.serving import MODEL, Behaviour, Server, Talk, good, whole
from workbench.endpoint import check
from workbench.endpoint.failures import retry_after
from workbench.errors import ConfigError, EndpointError


def refusal(server: Server, **options: Any) -> EndpointError:
    """What `check` raises; within a time that no hang fits into."""
    began = time.monotonic()
    with pytest.raises(EndpointError) as caught:
        check(server.url, **{"timeouts": SHORT, "concurrency": (1,), "requests": 1, **options})
    assert time.monotonic() - began < 20
    error = caught.value
    assert error.what
    assert error.why or error.next_step
    return error


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (silent, "no_answer"),
        (headers_only, "late_first"),
        (comments_for_ever, "late_first"),
        (stalls, "late_gap"),
        (dribbles, "late_total"),
        (dies, "cut_off"),
        (ends_early, "unfinished"),
        (html, "html"),
        (words, "not_json_type"),
        (broken_json, "not_json"),
        (broken_event, "not_json"),
        (other_json, "not_openai"),
        (a_list, "not_openai"),
        (odd_content, "not_openai"),
        (error_inside, "error_inside"),
        (not_text, "not_utf8"),
        (one_line, "too_large"),
        (circle, "redirects"),
        (elsewhere, "redirected"),
        (to_get, "redirected"),
        (gibberish, "cut_off"),
        (status(401), "unauthorized"),
        (status(403), "forbidden"),
        (status(404), "not_found"),
        (status(429, retry_after="7"), "too_many"),
        (status(400), "rejected"),
        (status(500), "server_failed"),
        (refuses_and_hangs, "server_failed"),
        (status(503, b"<html>"), "server_failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bad_answer_is_a_clear_error(behave: Behaviour, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_ENDPOINT_KEY", KEY)
    with Server(behave) as server:
        error = refusal(server)
    assert error.code == f"endpoint.{code}"
    assert KEY not in f"{error} {error.params} {error.__cause__}"
    assert server.asked[-1].headers["authorization"] == f"Bearer {KEY}"


def test_a_429_says_how_long_to_wait() -> None:
    with Server(status(429, retry_after="7")) as server:
        assert "7 s" in str(refusal(server))
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None


@pytest.mark.parametrize(
    ("models", "code"),
    [
        ([], "no_model"),
        (html, "html"),
        (status(500), "server_failed"),
        (other_json, "not_openai"),
    ],
    ids=["empty", "html", "500", "other"],
)
def test_a_list_of_models_that_names_none(models: Any, code: str) -> None:
    with Server() as server:
        server.models = models
        assert refusal(server).code == f"endpoint.{code}"
        assert check(server.url, served=MODEL, concurrency=(1,), requests=1).levels[0].ok == 1


def test_several_models_are_not_guessed_at() -> None:
    with Server() as server:
        server.models = ["one", "<b>two</b>"]
        with pytest.raises(ConfigError, match="one, <b>two</b>"):
            check(server.url)


def test_a_wrong_name_is_told_with_what_the_server_says() -> None:
    async def picky(talk: Talk) -> None:
        await (good(talk) if talk.body["model"] == MODEL else talk.json({"message": "no such\nmodel \x1b[31m"}, 404))

    with Server(picky) as server:
        error = refusal(server, served="typo")
    assert error.code == "endpoint.not_found"
    assert "'typo'" in str(error)
    assert "\x1b" not in str(error)


def test_what_fails_under_load_is_counted_by_kind() -> None:
    failing: list[Callable[[Talk], Any]] = [good, status(503), stalls, dies, status(429, retry_after="0"), ends_early]

    async def fickle(talk: Talk) -> None:
        await failing[len(server.asked) % len(failing)](talk)

    with Server(good) as server:

        async def first_good(talk: Talk) -> None:
            await (good(talk) if len(server.asked) <= 4 else fickle(talk))

        server.behave = first_good
        found = check(server.url, concurrency=(2,), requests=12, timeouts=SHORT)
    (level,) = found.levels
    assert (level.requests, level.ok, level.cut) == (12, 2, 0)
    expected = {"status 503": 2, "late_gap": 2, "cut_off": 2, "status 429": 2, "unfinished": 2}
    assert level.errors == expected


def test_a_server_that_answers_whole_is_told() -> None:
    async def unstreamed(talk: Talk) -> None:
        await talk.json(whole())

    with Server(unstreamed) as server:
        found = check(server.url, concurrency=(1,), requests=3, target="ttft=1")
    (level,) = found.levels
    assert level.ttft is None
    assert level.tpot is None
    assert level.e2e is not None
    assert level.goodput_rps is None
    assert found.streams is False
    assert "endpoint.flag.no_stream" in {flag.code for flag in found.flags}
