"""Hosts that do not answer, refuse or stand still: who it was, and what to set."""

from pathlib import Path

import pytest

from tests.hub.conftest import NAME
from tests.hub.repository import Fault
from tests.hub.standin import StandIn, dead_url
from tests.hub.tiny import SHARDS
from tests.hub.watching import Watch, failure
from workbench.errors import ConfigError
from workbench.hub import progress
from workbench.hub.caches import locate
from workbench.hub.download import download
from workbench.hub.endpoints import endpoint, host_of, proxy_of

LARGE = SHARDS[0]


def test_a_host_that_is_not_there_is_named(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    url = dead_url()
    monkeypatch.setenv("HF_ENDPOINT", url)
    error = failure(NAME)
    assert error.code == "hub.no_host"
    assert host_of(url) in error.what
    assert all(word in error.next_step for word in ("HF_ENDPOINT", "HTTPS_PROXY", "WORKBENCH_HUB=modelscope"))
    assert standin.requests == []


def test_a_redirect_to_a_host_that_is_not_there_names_that_one(standin: StandIn) -> None:
    standin.faults[LARGE] = Fault("dead")
    error = failure(NAME)
    assert error.code == "hub.no_host"
    assert error.params["host"] not in (host_of(standin.url), "")
    assert "Signature" not in str(error)


def test_through_a_proxy(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", standin.url.replace("//", "//user:word@"))
    assert proxy_of("http://hub.invalid") == host_of(standin.url)
    download(NAME, None, Watch().context)
    assert standin.proxied == len(standin.requests)


def test_a_proxy_that_is_not_there_is_named(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    url = dead_url()
    monkeypatch.setenv("HTTP_PROXY", url.replace("//", "//user:secretword@"))
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    error = failure(NAME)
    assert error.code == "hub.no_proxy"
    assert error.params["proxy"] == host_of(url)
    assert "HTTP_PROXY" in error.next_step
    assert "secretword" not in str(error)


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (Fault("status", status=403, error="GatedRepo"), "hub.gated", "HF_TOKEN"),
        (Fault("status", status=403), "hub.refused", "status 403"),
        (Fault("status", status=503), "hub.status", "503"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refusals_say_what_to_do(standin: StandIn, fault: Fault, code: str, said: str) -> None:
    standin.faults["api"] = fault
    error = failure(NAME)
    assert error.code == code
    assert said in str(error)


def test_what_the_hub_does_not_have(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure("owner/nothing").code == "hub.not_found"
    error = failure(NAME, "v9")
    assert (error.code, error.params["revision"]) == ("hub.no_revision", "v9")
    monkeypatch.setenv("HF_TOKEN", "hf_notgoodenough")
    error = failure("owner/nothing")
    assert error.code == "hub.refused"
    assert "hf_notgoodenough" not in str(error)


def test_a_gate_in_front_of_the_files_alone(standin: StandIn) -> None:
    standin.faults[LARGE] = Fault("status", status=403, error="GatedRepo")
    error = failure(NAME)
    assert error.code == "hub.gated"
    assert error.params["page"] == f"{standin.url}/{NAME}"


def test_something_else_that_answers_is_no_hub(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{standin.url}/portal")
    error = failure(NAME)
    assert error.code == "hub.no_hub"
    assert "login page" in error.next_step


def test_a_stall_is_an_error_and_not_a_wait(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "STALL_S", 1.5)
    standin.faults[LARGE] = Fault("stall", after=100_000)
    error = failure(NAME)
    assert error.code == "hub.stalled"
    assert host_of(standin.url) in error.what


def test_switched_off_means_not_asked(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = failure(NAME)
    assert error.code == "hub.offline"
    assert "HF_HUB_OFFLINE=1" in error.why
    assert standin.requests == []


def test_what_does_not_fit_is_not_begun(standin: StandIn) -> None:
    standin.claimed[LARGE] = 10**17
    error = failure(NAME)
    assert error.code == "hub.disk_full"
    assert "TiB are needed" in error.what
    assert not standin.served
    assert locate(NAME) is None


def test_a_cache_that_cannot_be_written_to(standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("HF_HUB_CACHE", str(file / "hub"))
    error = failure(NAME)
    assert error.code == "hub.not_writable"
    assert str(file) in error.what
    assert "HF_HUB_CACHE" in error.next_step


def test_one_variable_names_the_hub(hub_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoint().url == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "https://hf-mirror.com/")
    assert (endpoint().url, endpoint().host) == ("https://hf-mirror.com", "hf-mirror.com")
    monkeypatch.setenv("WORKBENCH_HUB", "ModelScope")
    assert (endpoint().kind, endpoint().url) == ("modelscope", "https://modelscope.cn")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "modelscope.ai")
    assert endpoint().url == "https://modelscope.ai"
    monkeypatch.setenv("WORKBENCH_HUB", "civitai")
    with pytest.raises(ConfigError, match="civitai"):
        endpoint()


def test_a_host_that_may_be_reached_directly_has_no_proxy(hub_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert proxy_of("https://huggingface.co") == "proxy.example:3128"
    assert proxy_of("http://huggingface.co") is None
    monkeypatch.setenv("NO_PROXY", "huggingface.co")
    assert proxy_of("https://huggingface.co") is None
