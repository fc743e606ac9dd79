"""What keeps the processes of a GPU from view: WSL2, or a process id namespace of one's own (a container)."""

import sys
from functools import cache
from pathlib import Path

WSL2 = "wsl2"
PID_NAMESPACE = "pid_namespace"
# Linux, include/linux/proc_ns.h: the inode of the PID namespace that the machine started with
_FIRST_PID_NAMESPACE = 0xEFFFFFFC


@cache
def surroundings(proc: Path = Path("/proc")) -> str | None:
    """wsl2, pid_namespace, or None where every process of the machine has an id here."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        if "microsoft" in (proc / "sys/kernel/osrelease").read_text(encoding="utf-8").lower():
            return WSL2
        own = (proc / "self/ns/pid").stat().st_ino
    except OSError:  # no /proc to tell: then nobody's id can be looked up either
        return PID_NAMESPACE
    return None if own == _FIRST_PID_NAMESPACE else PID_NAMESPACE
