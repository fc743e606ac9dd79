"""What this machine is, as data: what the doctor says, what capabilities are decided on."""

from typing import Any

from pydantic import model_validator

import workbench.results.machine_report as machine_report
from workbench.results.base import Result
from workbench.results.ceilings import Ceilings, of_bandwidth
from workbench.results.topology import Topology
from workbench.words import Message


class Capability(Result):
    """Whether something can be done here; when not, why, and the exact way out where there is one.

    note  what it costs or leaves undone although it can be done
    """

    ok: bool
    reason: Message | None = None
    remedy: Message | None = None
    note: Message | None = None


class Package(Result):
    """One package the workbench can use. `version` None: not installed. `usable` None: only loading it would tell."""

    name: str
    purpose: str  # English; `workbench.words.translate` gives the reader's language
    group: str = "other"
    version: str | None
    usable: bool | None
    reason: Message | None = None
    remedy: Message | None = None


class MigInstance(Result):
    """One part of a GPU that was divided (Multi-Instance GPU)."""

    name: str
    memory_bytes: int
    uuid: str | None = None


class Gpu(Result):
    """`free_bytes` as of the doctor's look; `mig`: whether it is divided into instances. None: not told."""

    index: int
    name: str
    memory_bytes: int
    capability: tuple[int, int] | None = None
    uuid: str | None = None
    driver: str | None = None
    free_bytes: int | None = None
    mig: bool | None = None
    instances: tuple[MigInstance, ...] = ()


class Cpu(Result):
    """`cores`: physical cores this process may use (affinity and cgroup quota counted); `features`: avx2, avx512f, …"""

    name: str
    cores: int
    logical_cores: int
    features: tuple[str, ...]
    memory_bytes: int
    available_bytes: int


class Storage(Result):
    """The disk that the home directory is on, or will be.

    file_system  as the system names it (ext4, nfs4, fuse.sshfs); None: not known
    network      other machines may write there too
    shm_bytes    size of /dev/shm; 0: there is none, or it cannot be written; None: this system has no such thing
    """

    file_system: str | None = None
    network: bool = False
    writable: bool = True
    free_bytes: int
    shm_bytes: int | None = None


class Power(Result):
    """plugged_in and battery_share (0 to 1) are None without a battery; the rest where the system does not tell.

    governor, driver  of the processor's frequency (Linux: cpufreq)
    profile           of the firmware (Linux: platform_profile)
    """

    plugged_in: bool | None = None
    battery_share: float | None = None
    governor: str | None = None
    driver: str | None = None
    profile: str | None = None


class ThreadChoice(Result):
    """The thread count and waiting policy that won here, and the measurement behind it.

    seconds              "policy:threads" -> median seconds of one decode-shaped pass; empty: not measured
    seconds_beside_busy  the same beside one process that keeps a core busy
    busy_elsewhere       cores that other processes used while `seconds` was measured
    """

    threads: int
    omp_wait_policy: str
    seconds: dict[str, float]
    seconds_beside_busy: dict[str, float] = {}
    busy_elsewhere: float | None = None
    reason: Message

    @property
    def measured(self) -> bool:
        return bool(self.seconds)


class Torch(Result):
    """What torch and transformers say of themselves, read in a process of their own.

    gpus              in torch's order: the first is cuda:0
    architectures     sm_80, … that this CUDA build holds machine code for
    cpu_capability    the instruction set torch's own CPU kernels were dispatched to
    kernels_window    (at least, below): versions of the package `kernels` that this transformers accepts
    import_problems   compiled package -> last line of the error when it was imported; None: it loads
    cxx11_abi         whether torch's C++ library has the C++11 ABI, which compiled packages must share
    cudnn             version of cuDNN as torch numbers it (91200 = 9.12.0)
    attention_modules module of an attention package that can be found -> the distributions that brought it, by whose
                      names transformers decides whether it sees it; empty: a folder that no distribution owns
    """

    version: str
    cuda_runtime: str | None
    cuda_available: bool
    cuda_problem: str | None = None
    hip_runtime: str | None = None
    bf16_supported: bool = True
    cpu_capability: str | None = None
    architectures: tuple[str, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    transformers: str | None = None
    transformers_problem: str | None = None
    attention_implementations: tuple[str, ...] = ()
    cache_implementations: tuple[str, ...] = ()
    cache_backends: tuple[str, ...] = ()
    kernels_window: tuple[str, str] | None = None
    import_problems: dict[str, str | None] = {}
    cxx11_abi: bool | None = None
    cudnn: int | None = None
    attention_modules: dict[str, tuple[str, ...]] = {}


class Machine(Result):
    """The doctor's report. `label` is short and holds no host name, for charts and records.

    tools     compilers and what they need, as found: g++, cl, ninja, nvcc, Python.h, …; None: not looked for
    ceilings  "cpu:1" (with one thread) or "cuda:0" -> what it reached by itself, as far as it was measured
    topology  how several GPUs are joined; None where there are not several
    """

    label: str
    platform: str
    python: str
    cpu: Cpu
    gpus: tuple[Gpu, ...]
    torch: Torch | None
    driver_cuda: str | None = None
    packages: tuple[Package, ...]
    tools: tuple[str, ...] | None = None
    threads: ThreadChoice | None = None
    ceilings: dict[str, Ceilings] = {}
    free_disk_bytes: int
    storage: Storage | None = None
    power: Power | None = None
    topology: Topology | None = None
    lines: tuple[Message, ...] = ()  # what is worth knowing, each with its consequence

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, data: Any) -> Any:
        """Records from before bandwidth was one of the ceilings have it alone."""
        if not isinstance(data, dict) or "copy_bandwidth" not in data:
            return data
        alone = {key: of_bandwidth(key, rate) for key, rate in data["copy_bandwidth"].items()}
        rest = {name: value for name, value in data.items() if name != "copy_bandwidth"}
        return {**rest, "ceilings": {**alone, **data.get("ceilings", {})}}

    @property
    def copy_bandwidth(self) -> dict[str, float]:
        """cpu:1 or "cuda:0" -> bytes/s, read + write counted; only where it was measured."""
        return {key: found.bandwidth.bytes_per_s for key, found in self.ceilings.items() if found.bandwidth}

    def package(self, name: str) -> Package | None:
        return next((package for package in self.packages if package.name == name), None)

    def rows(self) -> list[tuple[str, str, str]]:
        """(topic, value, consequence) in words; the packages are in `package_rows`."""
        return machine_report.rows(self)

    def package_rows(self) -> list[tuple[str, str, str, str, str]]:
        """(package, version found, usable, purpose, reason and remedy) in words."""
        return machine_report.package_rows(self)

    def _repr_html_(self) -> str:
        return machine_report.html(self)

    def __str__(self) -> str:
        return machine_report.plain(self)
