"""Commands that file permissions bind even where the tests run as root: a read-only folder is then one."""

import os
import sys

# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH leave the bounding set (prctl 24), and root has them no more after exec
_DROP = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for capability in (1, 2):
    if libc.prctl(24, capability, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the capability cannot be dropped")
os.execv(sys.argv[1], sys.argv[1:])
"""


def bound(*command: str) -> list[str]:
    """`command` as it is for a user, without root's power over permissions for root."""
    return [sys.executable, "-P", "-c", _DROP, *command] if os.geteuid() == 0 else list(command)
