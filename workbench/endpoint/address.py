"""Where a server is: its base URL as people write it, with and without /v1, and what of it may be said."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from workbench.errors import ConfigError
from workbench.words.format import printable

_ENDS = re.compile(r"/(chat/completions|completions|models)/?$")
_VERSION = re.compile(r"/v\d+$")


@dataclass(frozen=True)
class Address:
    """An OpenAI-compatible server. `api`: …/v1; `root`: what it hangs under; `query`: sent with every request.

    `shown` has neither user, password nor query.
    """

    api: str
    root: str
    query: str
    shown: str
    local: bool
    encrypted: bool

    def url(self, path: str) -> str:
        """Of an API call such as "chat/completions"."""
        return self._with_query(f"{self.api}/{path}")

    def beside(self, path: str) -> str:
        """Of a call outside the OpenAI API, such as "tokenize"."""
        return self._with_query(f"{self.root}/{path}")

    def _with_query(self, url: str) -> str:
        return f"{url}?{self.query}" if self.query else url


def address(url: str) -> Address:
    """The address of `url`: http(s)://host[:port][/path][/v1]. ConfigError says what is wrong with it."""
    written = url.strip()
    try:
        parts = urlsplit(written if "://" in written else f"http://{written}")
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError("endpoint.bad_url", problem=str(error)) from None
    if parts.scheme not in ("http", "https"):
        raise ConfigError("endpoint.bad_scheme", scheme=printable(parts.scheme, 20))
    if not host or any(character.isspace() or ord(character) < 0x20 for character in written):
        raise ConfigError("endpoint.no_host")
    path = _ENDS.sub("", parts.path.rstrip("/")).rstrip("/")
    root = _VERSION.sub("", path)
    base = f"{parts.scheme}://{parts.netloc}"
    return Address(
        api=f"{base}{path if root != path else f'{path}/v1'}",
        root=f"{base}{root}",
        query=parts.query,
        shown=f"{parts.scheme}://{_place(parts)}{printable(root, 80)}",
        local=_is_local(host),
        encrypted=parts.scheme == "https",
    )


def _place(parts: SplitResult) -> str:
    """Host and port alone."""
    return printable(parts.netloc.rpartition("@")[2], 120)


def _is_local(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
