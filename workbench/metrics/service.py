"""What the monitor exports of answers and of the session."""

from typing import get_args

from workbench.errors import KINDS
from workbench.knobs import KNOBS, Choice
from workbench.metrics import METRICS
from workbench.metrics.series import OTHER, Series
from workbench.results import DOING, STATES, FinishReason

_ORIGIN = {"origin": ("generate", "measure")}
_FIRST = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0)
_TOKEN = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
_WHOLE = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0)


def _latency(key: str, name: str, buckets: tuple[float, ...], more: str = "") -> Series:
    metric = METRICS[key]
    return Series(
        key,
        f"workbench_{name}_seconds",
        "histogram",
        "seconds",
        "answers",
        f"{metric.label}: {metric.definition}{more}",
        metric.source,
        labels=_ORIGIN,
        buckets=buckets,
    )


def _values(knob: str) -> tuple[str, ...]:
    kind = KNOBS[knob].kind
    return (*(value for value in kind.values if value != "auto"), OTHER) if isinstance(kind, Choice) else (OTHER,)


CONFIG_LABELS: dict[str, tuple[str, ...]] = {
    "attention": _values("attention"),
    "dtype": _values("dtype"),
    "quantization": _values("quantization"),
    "compile": _values("compile"),
    "cache": (*_values("cache"), "unknown"),  # until the first call
    "device": ("cpu", "cuda", OTHER),
}

ANSWERS = (
    _latency("ttft_s", "time_to_first_token", _FIRST),
    _latency("itl_s", "inter_token_latency", _TOKEN, "; of generate alone"),
    _latency("tpot_s", "time_per_output_token", _TOKEN, "; of whole answers"),
    _latency("e2e_s", "end_to_end", _WHOLE, "; of whole answers"),
    Series(
        "decode_tps",
        "workbench_decode_tokens_per_second",
        "gauge",
        "tokens_per_second",
        "answers",
        "Decode rate of the last call: new tokens after each answer's first ÷ time from the first to the last token",
        METRICS["decode_tps"].source,
        labels=_ORIGIN,
    ),
    Series(
        "generated_tokens",
        "workbench_generated_tokens",
        "counter",
        "tokens",
        "answers",
        "New tokens; of measure: those of its repeats, without warm-up",
        "workbench.results.Chunk, Measurement",
        labels=_ORIGIN,
    ),
    Series(
        "prompt_tokens",
        "workbench_prompt_tokens",
        "counter",
        "tokens",
        "answers",
        "Prompt tokens of calls that came to their end, without padding; of measure: those of its repeats",
        "workbench.results.Completion, Measurement",
        labels=_ORIGIN,
    ),
    Series(
        "requests",
        "workbench_requests",
        "counter",
        "",
        "answers",
        "Answers that generate began, by why they ended; failed: the call ended in an error",
        "workbench.results.FinishReason",
        labels={"finish_reason": (*get_args(FinishReason), "failed")},
    ),
)

SESSION = (
    Series(
        "jobs",
        "workbench_jobs",
        "counter",
        "",
        "session",
        "Jobs of the session that ended, by operation and outcome",
        "workbench.jobs",
        labels={"operation": (*DOING, OTHER), "outcome": ("done", "failed", "stopped")},
    ),
    Series("waiting", "workbench_jobs_waiting", "gauge", "", "session", "Jobs that wait for another", "workbench.jobs"),
    Series(
        "state",
        "workbench_session_state",
        "gauge",
        "",
        "session",
        "1 for what the session is doing now, 0 for every other state",
        "workbench.results.events",
        labels={"state": STATES},
    ),
    Series(
        "errors",
        "workbench_errors",
        "counter",
        "",
        "session",
        "Errors that were told, by class; one that a listener or the store raised is among them",
        "workbench.errors",
        labels={"class": (*KINDS, OTHER)},
    ),
    Series(
        "resident",
        "workbench_model_resident",
        "gauge",
        "",
        "session",
        "1 while the process that holds the model is alive and is this session's",
        "workbench.hosts",
    ),
    Series(
        "config",
        "workbench_config",
        "info",
        "",
        "session",
        "The configuration in force, read back from the model after the last call; absent while no model is resident",
        "workbench.results.Resolved",
        labels=CONFIG_LABELS,
    ),
)
