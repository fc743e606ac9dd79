"""From the Hugging Face hub or a mirror of it, with huggingface_hub, into its own cache. Runs in the child process.

The client fetches each file into a temporary file of a new name and drops it when it ends (huggingface_hub 2.4,
`_download_to_tmp_and_move`): an interrupted shard would begin again. So the files are fetched first by the client's own
`http_get`, which can resume, to where the cache expects their content; `snapshot_download` then finds them there.
"""

import contextlib
import glob
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock
from huggingface_hub import HfApi, constants, hf_hub_url, snapshot_download
from huggingface_hub.file_download import are_symlinks_supported, http_get, repo_folder_name
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # exported at run time

from workbench.errors import ModelError
from workbench.hub.choice import RemoteFile, needed
from workbench.hub.fetching import Reporter
from workbench.hub.refusals import translated
from workbench.hub.verify import intact, refuse_full_disk
from workbench.words import say

_AT_ONCE = 4  # connections; more do not help a line that one shard can fill
_TRIES = 2  # a damaged file is fetched again once
constants.DOWNLOAD_CHUNK_SIZE = 1 << 20  # what is lost when the process is ended between two writes


def fetch(name: str, revision: str | None, allow_pickle: bool, url: str, report: Reporter) -> Path:
    """The folder of the complete snapshot, every file of it checked. ModelError."""
    with translated(name, revision, url):
        api = HfApi()
        commit = api.model_info(name, revision=revision).sha or ""
        files = needed(_files(api, name, commit), name, allow_pickle=allow_pickle)
        store = Store(name, files, report)
        store.refuse_full_disk()
        report.watch(say("hub.downloading", name=name), sum(file.bytes for file in files), store.bytes_here)
        for last_try in (False, True):
            store.fill(commit)
            folder = Path(
                snapshot_download(name, revision=revision, allow_patterns=[glob.escape(file.path) for file in files])
            )
            damaged = store.damaged(folder)
            if not damaged:
                return folder
            store.drop(folder, damaged, last_try)
    raise AssertionError("the last try raises")


def _files(api: HfApi, name: str, commit: str) -> list[RemoteFile]:
    return [
        RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None, entry.blob_id)
        for entry in api.list_repo_tree(name, recursive=True, revision=commit)
        if isinstance(entry, RepoFile)
    ]


class Store:
    """The part of the hub's cache that belongs to one repository."""

    def __init__(self, name: str, files: list[RemoteFile], report: Reporter) -> None:
        self._name = name
        self._files = files
        self._report = report
        cache = Path(constants.HF_HUB_CACHE)
        folder = repo_folder_name(repo_id=name, repo_type="model")
        self._blobs = cache / folder / "blobs"
        self._locks = cache / ".locks" / folder
        self._checked: set[str] = set()
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
            self._locks.mkdir(parents=True, exist_ok=True)
            # Without links the client copies what lies in `blobs`: twice the space. Then it fetches by itself.
            self._resumes = are_symlinks_supported(cache) and constants.HF_HUB_DISABLE_XET
        except OSError as error:
            raise ModelError("hub.not_writable", name=name, path=str(cache), problem=str(error.strerror)) from error

    def refuse_full_disk(self) -> None:
        missing = sum(file.bytes for file in self._files) - self.bytes_here()
        refuse_full_disk(self._name, self._blobs, missing, shutil.disk_usage(self._blobs).free)

    def bytes_here(self) -> int:
        """Of the files that are wanted, finished or not."""
        return sum(min(file.bytes, self._bytes_of(file)) for file in self._files)

    def fill(self, commit: str) -> None:
        """Fetches what is missing, several files at once, each checked before it gets its name."""
        if self._resumes:
            pool = ThreadPoolExecutor(_AT_ONCE)
            try:
                for done in [pool.submit(self._fetch, file, commit) for file in self._files]:
                    done.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def damaged(self, folder: Path) -> list[RemoteFile]:
        """Those that are not what the hub says; what was checked on its way is not read again."""
        return [
            file
            for file in self._files
            if file.path not in self._checked and not intact(folder / file.path, file, self._report.alive)
        ]

    def drop(self, folder: Path, damaged: list[RemoteFile], last_try: bool) -> None:
        """Removes them, so that they are fetched again; ModelError when that has been done before."""
        for file in damaged:
            (folder / file.path).resolve().unlink(missing_ok=True)
            (folder / file.path).unlink(missing_ok=True)
            self._complain(file, last_try)

    def _fetch(self, file: RemoteFile, commit: str) -> None:
        assert file.etag, "the hub names every file's content"
        blob = self._blobs / file.etag
        partial = self._blobs / f"{file.etag}.incomplete"
        # the client's own lock, so that two programs that want the same file take turns
        with FileLock(self._locks / f"{file.etag}.lock"):
            for left_over in self._blobs.glob(f"{file.etag}.*.incomplete"):  # of a client that was killed
                left_over.unlink(missing_ok=True)
            if blob.exists() and not intact(blob, file, self._report.alive):
                blob.resolve().unlink(missing_ok=True)
                blob.unlink(missing_ok=True)
                self._complain(file, last_try=False)
            tries = 0
            while not blob.exists():
                self._receive(file, commit, partial)
                tries += 1
                if intact(partial, file, self._report.alive):
                    partial.replace(blob)
                else:
                    partial.unlink()
                    self._complain(file, last_try=tries == _TRIES)
            self._checked.add(file.path)

    def _receive(self, file: RemoteFile, commit: str, partial: Path) -> None:
        if partial.exists() and partial.stat().st_size > file.bytes:
            partial.unlink()
        with partial.open("ab", buffering=0) as stream:
            stream.seek(0, os.SEEK_END)
            http_get(
                hf_hub_url(self._name, file.path, revision=commit),
                stream,
                resume_size=stream.tell(),
                headers=build_hf_headers(),
                expected_size=file.bytes,
                displayed_filename=file.path,
            )

    def _complain(self, file: RemoteFile, last_try: bool) -> None:
        if last_try:
            raise ModelError("hub.damaged", name=self._name, file=file.path)
        self._report.note(say("hub.again", file=file.path))

    def _bytes_of(self, file: RemoteFile) -> int:
        parts = [self._blobs / f"{file.etag}", self._blobs / f"{file.etag}.incomplete"]
        if not self._resumes:
            parts += self._blobs.glob(f"{file.etag}.*.incomplete")
        sizes = [0]
        for part in parts:
            with contextlib.suppress(OSError):  # finished and renamed between the two looks
                sizes.append(part.stat().st_size)
        return max(sizes)
