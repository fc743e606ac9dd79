"""From where the person looks at JupyterLab: this screen, another computer over SSH, or outside of a container."""

import getpass
import os
import shlex
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.words import text

_CONTAINER_FILES = (Path("/.dockerenv"), Path("/run/.containerenv"))


@dataclass(frozen=True)
class Reach:
    """browser: whether one is opened here. hint: what to do where it is not; empty where nothing need be said."""

    browser: bool
    hint: str = ""


def reach(
    environment: Mapping[str, str], port: int, platform: str = sys.platform, in_container: bool | None = None
) -> Reach:
    """What fits these surroundings. An address of 127.0.0.1 is of use on the machine, or at the end of a tunnel."""
    if environment.get("SSH_CONNECTION"):
        return Reach(False, text("lab.over_ssh", command=tunnel(environment["SSH_CONNECTION"], port)))
    if in_container is None:
        in_container = any(path.exists() for path in _CONTAINER_FILES)
    if has_screen(environment, platform):
        return Reach(True)
    return Reach(False, text("lab.in_container") if in_container else text("lab.no_screen", port=port))


def has_screen(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a browser could show itself; WSL opens the one of Windows."""
    if platform in ("win32", "darwin"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"))


def tunnel(connection: str, port: int, user: str | None = None) -> str:
    """The command for the person's own computer. connection: SSH_CONNECTION, `client port server port`.

    The server's address is the one that this connection reached; where a gateway lies between, it has another name.
    """
    words = connection.split()
    host, ssh_port = (words[2], words[3]) if len(words) == 4 else (socket.gethostname(), "22")
    other_port = [] if ssh_port == "22" else ["-p", ssh_port]
    return shlex.join(["ssh", *other_port, "-L", f"{port}:127.0.0.1:{port}", f"{user or login_name()}@{host}"])


def login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's account without a name; KeyError up to Python 3.12
        return str(os.getuid()) if hasattr(os, "getuid") else "USER"
