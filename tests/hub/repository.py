"""What the stand-in hub serves, and how it can fail to."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

LFS = (".safetensors", ".bin", ".gguf")


@dataclass
class Fault:
    """kind: stall, cut, corrupt, dead (redirect to a host that is not there), status

    after   bytes that still come, for stall and cut
    status  with the hub's own `error` word (GatedRepo, RepoNotFound), for status
    times   answers that it lasts for
    """

    kind: str
    after: int = 0
    status: int = 500
    error: str = ""
    times: int = 1_000_000


@dataclass
class Repository:
    """files by revision; a revision is known by its name and by its commit."""

    revisions: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self, revision: str) -> str | None:
        """The commit that `revision` names, or None."""
        for name in self.revisions:
            commit = hashlib.sha1(f"{name}{sorted(self.revisions[name])}".encode()).hexdigest()
            if revision in (name, commit):
                return commit
        return None

    def files(self, revision: str) -> dict[str, bytes]:
        return next(files for name, files in self.revisions.items() if self.commit(name) == self.commit(revision))


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry(path: str, content: bytes, claimed: int | None = None) -> dict[str, Any]:
    """One line of a listing, as the hub writes it. claimed: a size that is not true"""
    size = claimed or len(content)
    entry: dict[str, Any] = {"type": "file", "oid": git_blob(content), "size": size, "path": path}
    if path.endswith(LFS):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": size, "pointerSize": 135}
    return entry
