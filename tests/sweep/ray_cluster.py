"""A real Ray cluster of two nodes on this machine, which listens on loopback alone and keeps its files in a folder."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

# without it Ray takes the address of a network card for its own, and listens there (ray/_private/ray_constants.py)
_SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
_QUICK = {  # a dead node is known after a second
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 3,
}
NODE: dict[str, Any] = {
    "num_cpus": 1,
    "include_dashboard": False,
    "node_ip_address": "127.0.0.1",
    "object_store_memory": 100 << 20,
}


@contextmanager
def two_nodes() -> Iterator[Any]:
    """The cluster; RAY_ADDRESS leads there. The driver's own node is its head."""
    folder = tempfile.mkdtemp(prefix="wb-ray-", dir="/tmp")  # sockets lie in it: a long name is refused
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**_SETTINGS, "RAY_TMPDIR": folder}.items():
            patch.setenv(name, value)
        import ray

        patch.setattr("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False)  # where ray was imported before
        cluster = _begun(folder)
        try:
            patch.setenv("RAY_ADDRESS", cluster.address)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def _begun(folder: str) -> Any:
    """The cluster. Ray gives a node 30 s to come up, which a busy machine can miss: begun anew, twice."""
    from ray.cluster_utils import Cluster

    before = set(psutil.Process().children(recursive=True))
    for again in (True, True, False):
        try:
            cluster = Cluster(initialize_head=True, head_node_args={**NODE, "_system_config": _QUICK})
            cluster.add_node(**NODE)
            return cluster
        except Exception as error:
            for process in set(psutil.Process().children(recursive=True)) - before:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if not again or "timed out during startup" not in str(error):
                shutil.rmtree(folder, ignore_errors=True)
                raise
    raise AssertionError("it returns or raises")


def other(cluster: Any) -> Any:
    """The node that is not the head; added where it was lost."""
    if not cluster.worker_nodes:
        cluster.add_node(**NODE)
    (node,) = cluster.worker_nodes
    return node


def number_of(node: Any) -> int:
    """The number that a sweep gives it: by the order of ids among those that are alive."""
    import ray

    own = not ray.is_initialized()
    if own:
        ray.init(log_to_driver=False, logging_level="ERROR")
    alive = sorted(each["NodeID"] for each in ray.nodes() if each["Alive"])
    if own:
        ray.shutdown()
    return alive.index(node.node_id) + 1
