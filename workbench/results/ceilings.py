"""What a device reached by itself, bytes moved and products computed: what a model's speed is held against."""

from typing import Self

from workbench.results.base import Interval, Result
from workbench.results.device import Bandwidth, ceiling_key, key_parts
from workbench.words import Message


class MatmulRate(Result):
    """Square products of one number format.

    format       float32, tf32, bfloat16, float16, int8, float8_e4m3
    flops_per_s  2 n³ ÷ seconds, the mean of the samples; of int8, operations. None: not possible here, and `missing`
                 says why
    size         n
    """

    format: str
    flops_per_s: float | None = None
    ci95: Interval | None = None
    size: int | None = None
    samples: tuple[float, ...] = ()
    missing: str | None = None


class Launch(Result):
    """Seconds of one operation that computes next to nothing: what a model pays for each, whatever it computes.

    method       call (CPU: the cheaper of a view and of arithmetic on one number, through torch's dispatcher) or
                 queued (GPU: a kernel on one number, launched in a row with others, the end waited for)
    seconds      mean of the samples of that method
    round_trip_s  GPU: launched alone and waited for; None of a CPU, where nothing is waited for
    samples      seconds by what was timed
    """

    method: str
    seconds: float
    ci95: Interval
    round_trip_s: float | None = None
    round_trip_ci95: Interval | None = None
    samples: dict[str, tuple[float, ...]] = {}


class Ceilings(Result):
    """Of one device. A part that is None, or a format that is not in `matmul`, was not measured yet.

    threads   of a CPU; None of a GPU
    versions  torch and the driver under which it was measured; with others it is measured again
    complete  every format that there is was tried
    seconds   what measuring took
    """

    device: str
    threads: int | None
    bandwidth: Bandwidth | None = None
    matmul: tuple[MatmulRate, ...] = ()
    launch: Launch | None = None
    versions: dict[str, str] = {}
    complete: bool = False
    seconds: float = 0.0
    flags: tuple[Message, ...] = ()

    @property
    def key(self) -> str:
        return ceiling_key(self.device, self.threads)

    @property
    def whole(self) -> bool:
        """Nothing is left to measure."""
        return self.complete and self.bandwidth is not None and self.launch is not None

    def rate(self, form: str) -> MatmulRate | None:
        """Of that number format; None: not measured yet."""
        return next((rate for rate in self.matmul if rate.format == form), None)

    def joined(self, newer: Self) -> Self:
        """This with the parts that `newer` has in place of its own."""
        again = {rate.format for rate in newer.matmul}
        return self.model_copy(
            update={
                "bandwidth": newer.bandwidth or self.bandwidth,
                "matmul": (*(rate for rate in self.matmul if rate.format not in again), *newer.matmul),
                "launch": newer.launch or self.launch,
                "versions": newer.versions,
                "complete": self.complete or newer.complete,
                "seconds": self.seconds + newer.seconds,
            }
        )

    def lean(self) -> Self:
        """Without its samples, as it stands beside every record."""
        return self.model_copy(
            update={
                "bandwidth": self.bandwidth and self.bandwidth.model_copy(update={"samples": {}}),
                "matmul": tuple(rate.model_copy(update={"samples": ()}) for rate in self.matmul),
                "launch": self.launch and self.launch.model_copy(update={"samples": {}}),
            }
        )


def of_bandwidth(key: str, bytes_per_s: float) -> Ceilings:
    """Where a bandwidth alone was kept: `key` is cpu:1 or cuda:0."""
    device, threads = key_parts(key)
    known = Bandwidth(device=device, threads=threads, bytes_per_s=bytes_per_s)
    return Ceilings(device=device, threads=threads, bandwidth=known)
