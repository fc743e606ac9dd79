"""The private channel to a worker: a socket pair, on Windows two pipes with inherited handles."""

import os
import socket
import subprocess
import sys
from typing import BinaryIO, cast

from workbench.protocol import Wire


class Channel:
    """The parent's wire, and what the child needs to open its end."""

    def __init__(self) -> None:
        if sys.platform == "win32":
            self._open_pipes()
        else:
            ours, theirs = socket.socketpair()
            self._theirs: tuple[int, ...] = (theirs.detach(),)
            self.arguments = ["--read", str(self._theirs[0]), "--write", str(self._theirs[0])]
            self.wire = socket_wire(ours)

    def popen_options(self, *, own_session: bool = True) -> dict[str, object]:
        """Options of subprocess.Popen that hand the child its end, in a session of its own or in ours."""
        if sys.platform == "win32":
            startup = subprocess.STARTUPINFO()
            startup.lpAttributeList = {"handle_list": list(self._handles)}
            return {"startupinfo": startup, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP, "close_fds": True}
        return {"pass_fds": self._theirs, "start_new_session": own_session}

    def forget_child_end(self) -> None:
        """Closes this process's copy of the child's end, so that the child's death is an end of file here."""
        for descriptor in self._theirs:
            os.close(descriptor)

    def _open_pipes(self) -> None:
        if sys.platform == "win32":
            import msvcrt

            child_reads, we_write = os.pipe()
            we_read, child_writes = os.pipe()
            self._theirs = (child_reads, child_writes)
            self._handles = [msvcrt.get_osfhandle(descriptor) for descriptor in self._theirs]
            for handle in self._handles:
                os.set_handle_inheritable(handle, True)
            self.arguments = ["--read", str(self._handles[0]), "--write", str(self._handles[1])]
            self.wire = Wire(os.fdopen(we_read, "rb"), os.fdopen(we_write, "wb"))


def child_wire(read_handle: int, write_handle: int) -> Wire:
    """The worker's end of the channel that its arguments name."""
    if sys.platform == "win32":
        import msvcrt

        return Wire(
            os.fdopen(msvcrt.open_osfhandle(read_handle, os.O_RDONLY), "rb"),
            os.fdopen(msvcrt.open_osfhandle(write_handle, 0), "wb"),
        )
    return socket_wire(socket.socket(fileno=read_handle))


def socket_wire(end: socket.socket) -> Wire:
    """The wire over a connected socket, which it then owns."""
    # unbuffered: the control thread waits in select(), which cannot see what a buffer already holds
    reader = cast(BinaryIO, end.makefile("rb", buffering=0))
    wire = Wire(reader, end.makefile("wb"))
    end.close()  # the two files keep the socket open
    return wire
