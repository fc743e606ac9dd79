"""What huggingface_hub raises, as errors that name the host and say what to set. Runs in the child process."""

import errno
import os
import re
from typing import Any

import httpx2
from huggingface_hub import get_token
from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from workbench.errors import ModelError, WorkbenchError
from workbench.hub.endpoints import host_of, unreachable

_VARIABLE = "HF_ENDPOINT"
_QUERY = re.compile(r"\?\S*")  # addresses of content servers carry signatures


class translated:  # noqa: N801  # reads as a word in `with translated(...):`
    """Turns the client's exceptions into a ModelError."""

    def __init__(self, name: str, revision: str | None, url: str) -> None:
        self._name = name
        self._revision = revision
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: Any) -> None:
        if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
            error = error.__cause__  # the client wraps the first one when there is nothing in the cache either
        if isinstance(error, OSError | httpx2.HTTPError | ValueError) and not isinstance(error, WorkbenchError):
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> ModelError:
        if isinstance(error, HfHubHTTPError):
            return self._answered(error)
        if isinstance(error, httpx2.TransportError):
            return self._broken(error)
        known: dict[str, Any] = {"name": self._name, "problem": _last_line(error)}
        if isinstance(error, HFValidationError):
            return ModelError("model.bad_name", name=repr(self._name))
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ModelError("hub.disk_filled", name=self._name, path=str(error.filename or "-"))
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            return ModelError("hub.not_writable", path=str(error.filename or "-"), **known)
        if isinstance(error, OSError) and "Consistency check" in str(error):
            return ModelError("hub.cut_off", host=host_of(self._url), **known)
        if isinstance(error, FileMetadataError | ValueError):
            return ModelError("hub.no_hub", host=host_of(self._url), variable=_VARIABLE, **known)
        return ModelError("hub.failed", host=host_of(self._url), **known)

    def _answered(self, error: HfHubHTTPError) -> ModelError:
        """The host answered, with a refusal."""
        status = error.response.status_code
        host = host_of(str(error.response.request.url))
        if isinstance(error, GatedRepoError):
            return ModelError("hub.gated", name=self._name, page=f"{self._url}/{self._name}")
        if isinstance(error, RevisionNotFoundError):
            return ModelError("hub.no_revision", name=self._name, revision=self._revision or "main", host=host)
        if status == 403 or (status == 401 and get_token()):
            return ModelError("hub.refused", name=self._name, host=host, status=status)
        if isinstance(error, RepositoryNotFoundError) or status == 401:  # the hub tells a stranger no more than that
            return ModelError("hub.not_found", name=self._name, host=host)
        return ModelError("hub.status", name=self._name, host=host, status=status, variable=_VARIABLE)

    def _broken(self, error: httpx2.TransportError) -> ModelError:
        """Nobody answered, or the answer broke off."""
        url = str(error.request.url) if _has_request(error) else self._url
        problem = _last_line(error)
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
            return unreachable(self._name, url, problem, _VARIABLE)
        if isinstance(error, httpx2.TimeoutException):
            seconds = os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT", "10")
            return ModelError("hub.stalled", name=self._name, host=host_of(url), seconds=seconds)
        return ModelError("hub.cut_off", name=self._name, host=host_of(url), problem=problem)


def _has_request(error: httpx2.TransportError) -> bool:
    try:
        return error.request is not None
    except RuntimeError:  # raised outside a request
        return False


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return _QUERY.sub("", lines[-1]) if lines else type(error).__name__
