"""The metrics registry: everything that is measured, with the definition that decides what a number means."""

from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True)
class Metric:
    """One measured quantity. `key` is the field of `Measurement`; `unit` is SI or a count; `family` groups charts."""

    key: str
    label: str
    unit: str
    better: Better
    family: str
    definition: str
    source: str


_VLLM = "vLLM benchmark definitions (vllm bench serve)"

METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric(
            "decode_tps",
            "Decode",
            "tok/s",
            Better.HIGHER,
            "speed",
            "batch × (new tokens − 1) ÷ (end-to-end time − TTFT)",
            _VLLM,
        ),
        Metric("prefill_tps", "Prefill", "tok/s", Better.HIGHER, "speed", "batch × prompt tokens ÷ TTFT", _VLLM),
        Metric(
            "ttft_s",
            "Time to first token",
            "s",
            Better.LOWER,
            "latency",
            "submit → first new token available on the host",
            _VLLM,
        ),
        Metric(
            "tpot_s",
            "Time per output token",
            "s",
            Better.LOWER,
            "latency",
            "(end-to-end time − TTFT) ÷ (new tokens − 1)",
            _VLLM,
        ),
        Metric(
            "itl_s",
            "Inter-token latency",
            "s",
            Better.LOWER,
            "latency",
            "gap between successive new tokens; p99 only from at least 100 gaps",
            _VLLM,
        ),
        Metric("e2e_s", "End to end", "s", Better.LOWER, "latency", "submit → last new token available", _VLLM),
        Metric(
            "peak_bytes",
            "Peak memory",
            "B",
            Better.LOWER,
            "memory",
            "highest memory during the runs: torch's allocated peak on CUDA, the process's peak resident set on CPU",
            "torch.cuda.max_memory_allocated; VmHWM of /proc/self/status",
        ),
        Metric(
            "decode_limit_share",
            "Share of the bandwidth limit",
            "",
            Better.HIGHER,
            "speed",
            "bytes one decode step must read (weights touched + KV cache) × steps/s ÷ measured copy bandwidth",
            "Pope et al. 2022, Efficiently Scaling Transformer Inference; gpt-fast's bandwidth column",
        ),
        Metric(
            "prefill_limit_share",
            "Share of the products' limit",
            "",
            Better.HIGHER,
            "speed",
            "(2 × active parameters × tokens + attention's FLOP) ÷ TTFT ÷ measured rate of products in the format used",
            "workbench.limits; Chowdhery et al. 2022, PaLM, appendix B (model FLOPs utilization)",
        ),
        Metric(
            "compile_s",
            "Compile",
            "s",
            Better.LOWER,
            "warm-up",
            "seconds of the decode steps in which torch.compile compiled something, told apart from every other time",
            "torch._dynamo.utils.counters, wall time of those steps",
        ),
        Metric(
            "break_even_tokens",
            "Break-even",
            "tokens",
            Better.LOWER,
            "warm-up",
            "compile seconds ÷ (time per output token without compile − with it); nothing where that is not positive",
            "workbench.results.break_even_tokens; the uncompiled run is a short one of the same warm-up",
        ),
        Metric(
            "joules_per_token",
            "Energy per token",
            "J",
            Better.LOWER,
            "energy",
            "difference of the device's energy counter over windows of whole requests ÷ new tokens, idle power in it",
            "nvmlDeviceGetTotalEnergyConsumption; Linux powercap, intel-rapl energy_uj",
        ),
        Metric(
            "tokens_per_joule",
            "Tokens per joule",
            "tok/J",
            Better.HIGHER,
            "energy",
            "new tokens ÷ difference of the device's energy counter over windows of whole requests",
            "nvmlDeviceGetTotalEnergyConsumption; Linux powercap, intel-rapl energy_uj",
        ),
        Metric(
            "cost_per_million",
            "Cost of a million tokens",
            "",
            Better.LOWER,
            "energy",
            "price of the machine per hour ÷ (new tokens per hour) × 10⁶, prefill's time included",
            "workbench.energy.cost_per_million; the price is the person's",
        ),
    )
}
