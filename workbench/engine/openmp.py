"""How the threads of this process wait and where they may run, read back from the process itself."""

import os

# as the process was started with it: the OpenMP runtime reads it once, when torch is first imported
_POLICY = os.environ.get("OMP_WAIT_POLICY", "unset").lower()


def waiting() -> str:
    return _POLICY


def pinning() -> str:
    """ "cores" where the calling thread may run on fewer cores than another thread of this process, else "off".

    Binding narrows the threads that compute; those that were there before torch keep what the process was given.
    """
    if not hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return "off"
    own, all_cores = os.sched_getaffinity(0), set()
    for thread in os.listdir("/proc/self/task"):
        try:
            all_cores |= os.sched_getaffinity(int(thread))
        except ProcessLookupError:  # it has ended meanwhile
            continue
    return "cores" if own < all_cores else "off"
