"""From ModelScope, with its own client (the optional package modelscope-hub), into its own cache. In the child process.

The client resumes, and checks each file's SHA-256 and fetches a damaged one again by itself.
"""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.errors import CapabilityError, ModelError
from workbench.hub.caches import Cache, candidates, modelscope_cache
from workbench.hub.choice import RemoteFile, needed
from workbench.hub.endpoints import host_of, unreachable
from workbench.hub.fetching import Reporter
from workbench.hub.verify import refuse_full_disk
from workbench.words import say

INSTALL = "pip install 'modelscope-hub>=0.5'"
_AT_ONCE = 4


def fetch(name: str, revision: str | None, allow_pickle: bool, url: str, report: Reporter) -> Path:
    """The folder of the complete snapshot. ModelError; CapabilityError when the client is not installed."""
    try:
        from modelscope_hub import HubApi
        from modelscope_hub.errors import HubError
    except ImportError as error:
        raise CapabilityError("hub.no_client", package="modelscope-hub", command=INSTALL) from error
    try:
        api = HubApi()
        files = needed(
            [
                RemoteFile(entry.path, entry.size, entry.sha256)
                for entry in api.list_repo_files(name, "model", revision=revision)
                if not entry.is_dir
            ],
            name,
            allow_pickle=allow_pickle,
        )
        total = sum(file.bytes for file in files)
        cache = modelscope_cache()
        missing = total - bytes_here(name, revision, files)
        existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
        refuse_full_disk(name, cache, missing, shutil.disk_usage(existing).free)
        report.watch(say("hub.downloading", name=name), total, lambda: bytes_here(name, revision, files))
        return Path(
            api.download_repo(
                name,
                "model",
                revision=revision,
                allow_patterns=[file.path for file in files],
                max_workers=_AT_ONCE,
                file_list=[{"Path": file.path, "Size": file.bytes, "Sha256": file.sha256} for file in files],
            )
        )
    except (HubError, OSError) as error:  # what requests raises are OSErrors
        raise _translated(error, name, revision, url) from error


def bytes_here(name: str, revision: str | None, files: list[RemoteFile]) -> int:
    """Of the files that are wanted, finished or not."""
    folder = next(candidates(Cache("modelscope", modelscope_cache(), writable=True), name, revision), None)
    return sum(min(file.bytes, _bytes_of(folder, file)) for file in files) if folder else 0


def _bytes_of(folder: Path, file: RemoteFile) -> int:
    target = folder / file.path
    for path in (target, target.with_name(f"{target.name}.incomplete")):
        try:
            return path.stat().st_size
        except OSError:
            continue
    return 0


def _translated(error: Exception, name: str, revision: str | None, url: str) -> ModelError:
    import requests
    from modelscope_hub import errors

    first = next(_causes(error))
    host = host_of(url)
    status = getattr(first, "status_code", None)
    problem = str(first).splitlines()[0] if str(first) else type(first).__name__
    if isinstance(first, errors.FileIntegrityError):
        files = getattr(error, "failed_files", None) or {"-": first}
        return ModelError("hub.damaged", name=name, file=next(iter(files)))
    if isinstance(first, errors.NotExistError):
        return ModelError("hub.not_found", name=name, host=host)
    if isinstance(first, errors.AuthenticationError | errors.PermissionDeniedError):
        return ModelError("hub.refused_modelscope", name=name, host=host, status=status or 403)
    if isinstance(first, errors.RequestTimeoutError | requests.ReadTimeout):
        return ModelError("hub.stalled", name=name, host=host, seconds="60")
    if isinstance(first, errors.NetworkError | requests.ConnectionError):
        return unreachable(name, _asked(error) or url, problem, "MODELSCOPE_ENDPOINT")
    if isinstance(first, errors.APIError) and status:
        return ModelError("hub.status", name=name, host=host, status=status, variable="MODELSCOPE_ENDPOINT")
    if isinstance(first, OSError) and first.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelError("hub.disk_filled", name=name, path=str(first.filename or "-"))
    if isinstance(first, OSError) and first.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return ModelError("hub.not_writable", name=name, path=str(first.filename or "-"), problem=str(first.strerror))
    return ModelError("hub.failed", name=name, host=host, problem=problem)


def _causes(error: Exception) -> Iterator[Exception]:
    """What made a download fail: the first file's own error, where the client collected several."""
    yield from getattr(error, "failed_files", {}).values()
    yield error


def _asked(error: BaseException | None) -> str | None:
    """The address of the request that failed, where an exception in the chain has it."""
    seen: Any = next(iter(getattr(error, "failed_files", {}).values()), error)
    while seen is not None:
        request = getattr(seen, "request", None)
        if request is not None and request.url:
            return str(request.url)
        seen = seen.__cause__ or seen.__context__
    return None
