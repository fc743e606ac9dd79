"""What the check is given: addresses, keys and options, refused or sent as they are, and no secret of them kept."""

import json
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint.misbehaving import KEY, SHORT
from tests.endpoint.serving import Server
from workbench.endpoint import check
from workbench.errors import ConfigError, EndpointError
from workbench.results import recorded


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
    record = json.dumps(recorded(None, None, found, config=None, resolved=None))
    assert KEY not in record
    assert "127.0.0.1" not in record
    assert str(server.port) not in record
