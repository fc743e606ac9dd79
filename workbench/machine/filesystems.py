"""Which file system a folder lies on, and whether other machines share it."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

# As /proc/self/mountinfo and psutil name them; FUSE file systems by what follows "fuse.".
# 9p is what WSL2 reaches Windows drives through, and hosts hand folders to virtual machines with it.
_NETWORK = frozenset(
    (
        *("nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "afs", "coda"),
        *("lustre", "gpfs", "ceph", "beegfs", "beegfs_nodev", "panfs", "orangefs", "pvfs2", "wekafs", "ocfs2", "gfs2"),
        *("9p", "v9fs", "drvfs", "prl_fs", "vboxsf", "vmhgfs", "ncpfs", "glusterfs", "quobyte"),
        *("sshfs", "ceph-fuse", "ceph-dokan", "beeond", "mount.quobyte", "cvmfs2", "s3fs", "gcsfuse", "goofys"),
        *("rclone", "juicefs", "seaweedfs", "mountpoint-s3", "blobfuse", "blobfuse2", "grpcfuse", "vmhgfs-fuse"),
        *("davfs2", "curlftpfs", "smbnetfs", "osxfs", "wekafs-fuse", "moosefs", "mfs", "lizardfs", "hdfs"),
    )
)
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """Where a file system begins, and of which kind it is ("ext4", "nfs4", "fuse.sshfs"). None: not known."""

    point: Path
    kind: str | None

    @property
    def network(self) -> bool:
        """Whether other machines may write there too; False when the kind is not known."""
        return is_network(self.kind)


def is_network(kind: str | None) -> bool:
    return kind is not None and kind.lower().removeprefix("fuse.").removeprefix("fuseblk.") in _NETWORK


def mount_of(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> Mount:
    """The mount that `folder`, which may not exist yet, lies on."""
    folder = folder.expanduser().resolve()
    if sys.platform == "win32" and folder.drive.startswith("\\\\"):
        return Mount(Path(folder.anchor), "smb")
    try:
        mounts = parse_mountinfo(mountinfo.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:  # not Linux
        mounts = _told_by_psutil()
    return nearest(folder, mounts)


def nearest(folder: Path, mounts: tuple[Mount, ...]) -> Mount:
    """The mount that lies deepest above `folder`; of two on one point the later, which hides the earlier."""
    above = [mount for mount in mounts if folder.is_relative_to(mount.point)]
    deepest = max((len(mount.point.parts) for mount in above), default=0)
    return next(
        (mount for mount in reversed(above) if len(mount.point.parts) == deepest), Mount(Path(folder.anchor), None)
    )


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Mounts in the order they were made.

    Format: proc_pid_mountinfo(5): the mount point is the fifth field, with blanks as octal escapes; the file system's
    kind is the first field after a lone dash, because the number of fields before it varies.
    """
    mounts = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if dash and len(fields) >= 5:
            mounts.append(Mount(Path(_unescaped(fields[4])), after.split(" ")[0]))
    return tuple(mounts)


def _unescaped(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def _told_by_psutil() -> tuple[Mount, ...]:
    """macOS and Windows; there a drive that is mapped from a server says "remote" instead of its kind."""
    return tuple(
        Mount(Path(partition.mountpoint), "smb" if "remote" in partition.opts.split(",") else partition.fstype.lower())
        for partition in psutil.disk_partitions(all=True)
    )
