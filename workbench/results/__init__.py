"""Result types: what probes return, charts draw, the store keeps and `--json` prints."""

from workbench.results.agreement import Agreement, Divergence, LogitDistance, agreement_record
from workbench.results.base import Interval, Result, document, versions
from workbench.results.comparison import Block, CompareCost, Comparison, NoiseFloor, Way, comparison_record
from workbench.results.compiled import CompileReport, break_even_tokens
from workbench.results.device import Bandwidth, DeviceSample, GpuSample
from workbench.results.events import DOING, EVENTS, Event
from workbench.results.generation import Chunk, Completion
from workbench.results.machine import (
    Capability,
    Cpu,
    Gpu,
    Machine,
    MigInstance,
    Package,
    Power,
    Storage,
    ThreadChoice,
    Torch,
)
from workbench.results.measurement import Latencies, Measurement, WarmUp, measurement_record
from workbench.results.outputs import Forecast, Snippet
from workbench.results.resolved import (
    COMPILED_LOOP,
    NO_LOOP_YET,
    TRANSFORMERS_LOOP,
    Applied,
    Difference,
    ModelFacts,
    Resolved,
)
from workbench.results.scan import Rung, RungLine, Scan, ScanEnd, ScanLine, ScanPoint, scan_record
from workbench.results.trace import PHASES, KernelUse, Trace, TraceDiff, TracePhase, trace_record
from workbench.results.workload import Workload

__all__ = [
    "COMPILED_LOOP",
    "DOING",
    "EVENTS",
    "NO_LOOP_YET",
    "PHASES",
    "TRANSFORMERS_LOOP",
    "Agreement",
    "Applied",
    "Bandwidth",
    "Block",
    "Capability",
    "Chunk",
    "CompareCost",
    "Comparison",
    "CompileReport",
    "Completion",
    "Cpu",
    "DeviceSample",
    "Difference",
    "Divergence",
    "Event",
    "Forecast",
    "Gpu",
    "GpuSample",
    "Interval",
    "KernelUse",
    "Latencies",
    "LogitDistance",
    "Machine",
    "Measurement",
    "MigInstance",
    "ModelFacts",
    "NoiseFloor",
    "Package",
    "Power",
    "Resolved",
    "Result",
    "Rung",
    "RungLine",
    "Scan",
    "ScanEnd",
    "ScanLine",
    "ScanPoint",
    "Snippet",
    "Storage",
    "ThreadChoice",
    "Torch",
    "Trace",
    "TraceDiff",
    "TracePhase",
    "WarmUp",
    "Way",
    "Workload",
    "agreement_record",
    "break_even_tokens",
    "comparison_record",
    "document",
    "measurement_record",
    "scan_record",
    "trace_record",
    "versions",
]
