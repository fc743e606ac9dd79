"""What this machine is, as data: what the doctor says, what capabilities are decided on."""

from workbench.results.base import Result
from workbench.words import Message


class Capability(Result):
    """Whether something can be done here; when not, why, and the exact way out where there is one."""

    ok: bool
    reason: Message | None = None
    remedy: Message | None = None


class Package(Result):
    """One package the workbench can use. `version` None: not installed. `usable` None: cannot be told without loading."""

    name: str
    purpose: str
    version: str | None
    usable: bool | None
    reason: Message | None = None
    remedy: Message | None = None


class Gpu(Result):
    index: int
    name: str
    memory_bytes: int
    capability: tuple[int, int] | None = None
    uuid: str | None = None
    driver: str | None = None


class Cpu(Result):
    """`cores`: physical cores this process may use (affinity and cgroup quota counted); `features`: avx2, avx512f, …"""

    name: str
    cores: int
    logical_cores: int
    features: tuple[str, ...]
    memory_bytes: int
    available_bytes: int


class ThreadChoice(Result):
    """The thread count and waiting policy that won here, and the measurement behind it.

    seconds  "policy:threads" -> median seconds of one decode-shaped pass, on the machine as it was
    """

    threads: int
    omp_wait_policy: str
    seconds: dict[str, float]
    reason: Message


class Torch(Result):
    """What torch says of itself, read in a process of its own."""

    version: str
    cuda_runtime: str | None
    cuda_available: bool
    cuda_problem: str | None = None
    bf16_supported: bool = True
    attention_implementations: tuple[str, ...] = ()
    cache_implementations: tuple[str, ...] = ()


class Machine(Result):
    """The doctor's report. `label` is short and holds no host name, for charts and records."""

    label: str
    platform: str
    python: str
    cpu: Cpu
    gpus: tuple[Gpu, ...]
    torch: Torch | None
    driver_cuda: str | None = None
    packages: tuple[Package, ...]
    threads: ThreadChoice | None = None
    copy_bandwidth: dict[str, float] = {}  # "cpu:1" or "cuda:0" -> bytes/s, read + write counted
    free_disk_bytes: int
    lines: tuple[Message, ...] = ()  # what is worth knowing, each with its consequence

    def package(self, name: str) -> Package | None:
        return next((package for package in self.packages if package.name == name), None)
