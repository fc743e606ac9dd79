"""Where a download goes, and what to say when nobody answers there.

One rule: WORKBENCH_HUB names the hub, `huggingface` (default) or `modelscope`. Its own variable then names the host:
HF_ENDPOINT (a mirror) or MODELSCOPE_ENDPOINT. Proxies (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY) are the clients'
own business; they are read here only to name them when a connection fails.
"""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from workbench.errors import ConfigError, ModelError

HUB = "WORKBENCH_HUB"
_TRUE = {"1", "ON", "YES", "TRUE"}
# kind -> the variable that names another host, the host without it (huggingface_hub and modelscope_hub)
_HOSTS = {
    "huggingface": ("HF_ENDPOINT", "https://huggingface.co"),
    "modelscope": ("MODELSCOPE_ENDPOINT", "https://modelscope.cn"),
}


@dataclass(frozen=True)
class Endpoint:
    """`variable`: what names another host of this kind."""

    kind: str
    url: str
    variable: str

    @property
    def host(self) -> str:
        return host_of(self.url)


def endpoint() -> Endpoint:
    """Where a download would go now. ConfigError when WORKBENCH_HUB names no hub."""
    kind = os.environ.get(HUB, "").strip().lower() or "huggingface"
    if kind not in _HOSTS:
        raise ConfigError("hub.unknown_hub", variable=HUB, value=repr(kind), known=", ".join(_HOSTS))
    variable, usual = _HOSTS[kind]
    url = os.environ.get(variable, "").strip() or usual
    return Endpoint(kind, (url if "://" in url else f"https://{url}").rstrip("/"), variable)


def refuse_offline(name: str) -> None:
    """ModelError when the person has switched downloads off: then nothing is attempted."""
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(variable, "").upper() in _TRUE:
            raise ModelError("hub.offline", name=name, variable=variable, value=os.environ[variable])


def host_of(url: str) -> str:
    """host or host:port of an address, without the user and the password that it may carry."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.hostname or url}{port}"


def proxy_of(url: str) -> str | None:
    """The proxy that the clients use for `url`, as host:port; None when they go straight there."""
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return host_of(proxy) if proxy else None


def unreachable(name: str, url: str, problem: str, variable: str) -> ModelError:
    """Nobody answers at `url`: names the host that did not, which may be the proxy on the way."""
    scheme = urlsplit(url).scheme.upper() or "HTTPS"
    proxy = proxy_of(url)
    if proxy:
        return ModelError(
            "hub.no_proxy", name=name, host=host_of(url), proxy=proxy, problem=problem, setting=f"{scheme}_PROXY"
        )
    return ModelError("hub.no_host", name=name, host=host_of(url), problem=problem, variable=variable)
