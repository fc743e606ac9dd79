"""Servers that misbehave: each a clear error, none a hang, nothing of the key or the address' secrets in it."""

import asyncio
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint.serving import MODEL, Behaviour, Server, Talk, chunk, good, whole
from workbench.endpoint import check
from workbench.endpoint.failures import retry_after
from workbench.errors import ConfigError, EndpointError
from workbench.results import endpoint_record

SHORT = {"connect": 1.0, "first": 0.3, "gap": 0.3, "total": 0.6}
KEY = "sk-secret-0123456789"


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


async def silent(_talk: Talk) -> None:
    await asyncio.sleep(30)


async def headers_only(talk: Talk) -> None:
    await talk.head()
    await asyncio.sleep(30)


async def comments_for_ever(talk: Talk) -> None:
    await talk.head()
    while True:
        await talk.send(b": keep-alive\n\n")
        await asyncio.sleep(0.05)


async def stalls(talk: Talk) -> None:
    await talk.head()
    await talk.send(chunk(None) + chunk("The"))
    await asyncio.sleep(30)


async def dribbles(talk: Talk) -> None:
    await talk.head()
    while True:
        await talk.send(chunk("a"))
        await asyncio.sleep(0.05)


async def dies(talk: Talk) -> None:
    await talk.head(transfer_encoding="chunked")
    await talk.send(b"400\r\n" + chunk("The"))  # says more than it sends


async def ends_early(talk: Talk) -> None:
    await talk.head()
    await talk.send(chunk("The") + chunk(" sea"))


async def html(talk: Talk) -> None:
    await talk.head(kind="text/html; charset=utf-8")
    await talk.send(b"<script>alert(1)</script>")


async def words(talk: Talk) -> None:
    await talk.head(kind="text/plain")
    await talk.send(b"OK")


async def broken_json(talk: Talk) -> None:
    await talk.json(b'{"choices": [')


async def broken_event(talk: Talk) -> None:
    await talk.head()
    await talk.send(b'data: {"choices": [\n\n')


async def other_json(talk: Talk) -> None:
    await talk.json({"answer": 42})


async def a_list(talk: Talk) -> None:
    await talk.json([1, 2])


async def odd_content(talk: Talk) -> None:
    await talk.json({"choices": [{"message": {"content": {"text": "?"}}}]})


async def error_inside(talk: Talk) -> None:
    await talk.head()
    await talk.send(chunk("The") + b'data: {"error": {"message": "out of memory"}}\n\n')


async def not_text(talk: Talk) -> None:
    await talk.head()
    await talk.send(b"data: \xff\xfe\x00\n\n")


async def one_line(talk: Talk) -> None:
    await talk.head()
    while True:
        await talk.send(b"x" * 65536)


async def circle(talk: Talk) -> None:
    await talk.head(307, location=talk.path)


async def elsewhere(talk: Talk) -> None:
    await talk.head(307, location="http://localhost.invalid/v1/chat/completions")


async def to_get(talk: Talk) -> None:
    await talk.head(302, location=talk.path)


async def gibberish(talk: Talk) -> None:
    await talk.send(b"\x16\x03\x01 no HTTP at all\r\n\r\n")


async def refuses_and_hangs(talk: Talk) -> None:
    await talk.head(502, "application/json", content_length="100")
    await asyncio.sleep(30)


def status(code: int, body: Any = None, **headers: str) -> Behaviour:
    async def answer(talk: Talk) -> None:
        await talk.json({"error": {"message": f"no: {KEY}"}} if body is None else body, code, **headers)

    return answer


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


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(EndpointError) as caught:
            check(f"http://user:{KEY}@127.0.0.1:{held.getsockname()[1]}/v1?token={KEY}", timeouts=SHORT)
    assert caught.value.code == "endpoint.refused"
    assert KEY not in str(caught.value)


def test_a_name_without_address() -> None:
    with pytest.raises(EndpointError) as caught:
        check("http://no-such-host.invalid:1/v1", timeouts={"connect": 10.0})
    assert caught.value.code in ("endpoint.unknown_host", "endpoint.connect_timeout")


def test_tls_where_there_is_none() -> None:
    with Server() as server, pytest.raises(EndpointError) as caught:
        check(server.url.replace("http:", "https:"), timeouts=SHORT)
    assert caught.value.code == "endpoint.tls"


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    try:
        subprocess.run([*made, "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with Server(tls=context) as server, pytest.raises(EndpointError) as caught:
        check(server.url.replace("http:", "https:"), timeouts=SHORT)
    assert caught.value.code == "endpoint.tls"
    assert "certificate" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://127.0.0.1/v1", "endpoint.bad_scheme"),
        ("http://", "endpoint.no_host"),
        ("http://a b/", "endpoint.no_host"),
        ("http://127.0.0.1:port/", "endpoint.bad_url"),
        ("http://[::1/", "endpoint.bad_url"),
    ],
)
def test_what_is_no_address(url: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(url)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": (0,)},
        {"concurrency": (True,)},
        {"rate": -1.0},
        {"requests": 0},
        {"budget_s": float("nan")},
        {"new_tokens": "many"},
        {"target": "ttft=fast"},
        {"target": "latency=1"},
        {"target": {"ttft": 0}},
        {"timeouts": "first"},
        {"api": "responses"},
        {"prompts": []},
        {"prompts": [""]},
        {"prompts": [{"text": "?"}]},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(options: dict[str, Any]) -> None:
    with Server() as server, pytest.raises(ConfigError):
        check(server.url, **options)
    assert server.asked == []


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(ConfigError) as caught:
        check("http://127.0.0.1:1", key_variable="MY_KEY")
    assert caught.value.code == "endpoint.bad_key"
    assert key not in str(caught.value)


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Server() as server:
        assert check(server.url, concurrency=(1,), requests=1).levels[0].ok == 1


@pytest.mark.parametrize("shape", ["{}", "{}/", "{}/v1", "{}/v1/", "{}/v1/chat/completions", "{}/v1/models"])
def test_an_address_is_understood_with_and_without_its_end(shape: str) -> None:
    with Server() as server:
        found = check(shape.format(server.url), concurrency=(1,), requests=1)
    assert found.levels[0].ok == 1
    assert {talk.path for talk in server.asked} == {"/v1/models", "/v1/chat/completions"}


def test_user_and_query_of_an_address_are_sent_and_never_kept() -> None:
    with Server() as server:
        address = f"http://ann:{KEY}@127.0.0.1:{server.port}/v1?api-version={KEY}"
        found = check(address, concurrency=(1,), requests=1)
    assert all(talk.path.endswith(f"?api-version={KEY}") for talk in server.asked)
    assert all(talk.headers["authorization"].startswith("Basic ") for talk in server.asked)
    record = json.dumps(endpoint_record(None, None, None, None, found))
    assert KEY not in record
    assert "127.0.0.1" not in record
    assert str(server.port) not in record


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
