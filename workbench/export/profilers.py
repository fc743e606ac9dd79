"""Command lines of NVIDIA's profilers for one configuration. Text only: nothing is started here.

Options: Nsight Systems user guide, "CLI Profile Command Switch Options" (`--pytorch` since 2024.7); Nsight Compute CLI
guide, "NVTX Filtering" (ranges that are pushed and popped end with a slash). Neither was run where this was written.
"""

import json
import re
import shlex
import sys
from collections.abc import Mapping

from workbench import machine as machines
from workbench.config import Config
from workbench.export.python import comment
from workbench.knobs import KNOBS, Cost, written
from workbench.knobs.machine import environment_of
from workbench.results import Snippet, Workload

# ranges that the engine and the probe `timing` push (`workbench.probes.ranges`, which needs torch to be imported)
_ASKS = {"WORKBENCH_NVTX": "1"}
_MEASURE, _DECODE = "workbench.measure", "workbench.decode"
_REQUESTS = ("--precision", "1", "--budget", "20")  # the fewest repeats: a profile shows how, not how fast
_KERNELS = 200
_GRAPHS = ("reduce-overhead", "max-autotune")  # values of `compile` that record CUDA graphs
_PROMPTS = "prompts.jsonl"


def nsys(
    config: Config, *, model: str, revision: str | None = None, workload: Workload | None = None, whole: bool = False
) -> Snippet:
    """`nsys.sh` and `ncu.sh`: `workload` (default: preset "quick") under `config`, with the workbench's ranges in it.

    whole  the load and the warm-up too, compiling included; else only the requests that are measured
    """
    work = workload or Workload.preset("quick")
    name = _name(model, config)
    program = [*_program(config), *(["--revision", revision] if revision else []), *_work(work), "--", model]
    environment = {**machines.worker_environment(), **environment_of(config), **_ASKS}
    files = {"nsys.sh": _nsys(config, name, environment, program, work, whole)}
    files["ncu.sh"] = _ncu(name, environment, program)
    if work.prompts is not None:
        files[_PROMPTS] = "".join(json.dumps(prompt, ensure_ascii=False) + "\n" for prompt in work.prompts)
    return Snippet(target="nsys", code=files["nsys.sh"], files=files, config=config.to_dict())


def _nsys(
    config: Config, name: str, environment: Mapping[str, str], program: list[str], work: Workload, whole: bool
) -> str:
    environment = dict(environment)
    options = ["--trace=cuda,nvtx,osrt,cudnn,cublas"]
    if config.compile in _GRAPHS:
        options.append("--cuda-graph-trace=node")  # else a graph is one block
    if not whole:
        options += ["--capture-range=nvtx", f"--nvtx-capture={_MEASURE}", "--capture-range-end=stop"]
        environment["NSYS_NVTX_PROFILER_REGISTER_ONLY"] = "0"  # torch pushes plain strings
    options += [f"--output={name}", "--force-overwrite=true"]
    recorded = "load, warm-up and the measured requests" if whole else f"the measured requests (range {_MEASURE})"
    lines = [
        comment(f"Nsight Systems records {recorded} into"),
        comment(f"{name}.nsys-rep"),
        "# Ranges: workbench.load, .prefill, .decode (one a step), .sampling within them.",
        "# One engine has the GPU: close the session that has it before you run this.",
        "# Newer versions (2024.7 on) take --pytorch=autograd-shapes-nvtx for a range around each operation, and",
        "# --python-sampling=true for the Python stacks; both cost time, which the timeline then shows.",
        *([comment(f"padded={work.padded} does not carry over: rows are whole here.")] if work.padded else []),
        *_command(environment, ["nsys", "profile", *options], program),
        "",
        "# Open the report with nsys-ui, or have the sums, the last as the GPU ran them:",
        "# "
        + shlex.join(["nsys", "stats", "--report", "nvtx_sum,cuda_gpu_kern_sum,nvtx_gpu_proj_sum", f"{name}.nsys-rep"]),
    ]
    return "\n".join(lines) + "\n"


def _ncu(name: str, environment: Mapping[str, str], program: list[str]) -> str:
    ranges = f"{_MEASURE}/{_DECODE}/"
    options = ["--nvtx", "--nvtx-include", ranges, "--launch-count", str(_KERNELS), "--force-overwrite"]
    lines = [
        comment(f"Nsight Compute runs each of the first {_KERNELS} kernels of measured decode steps again and again,"),
        comment("reads its counters, for which the driver may ask for rights, and writes"),
        comment(f"{name}.ncu-rep"),
        *_command(environment, ["ncu", *options, "--export", name], program),
    ]
    return "\n".join(lines) + "\n"


def _command(environment: Mapping[str, str], *parts: list[str]) -> list[str]:
    """One shell command, a part a line."""
    rows = [[f"{name}={shlex.quote(value)}" for name, value in environment.items()]]
    rows += [[shlex.quote(word) for word in part] for part in parts]
    joined = [" ".join(row) for row in rows]
    return [f"{row} \\" if row is not joined[-1] else row for row in joined]


def _program(config: Config) -> list[str]:
    """In one process, so that the profiler need not follow another; what only an environment sets is set around it."""
    knobs = [
        f"{name}={written(KNOBS[name].kind, value)}"
        for name, value in config.items()
        if value != KNOBS[name].default and KNOBS[name].cost is not Cost.RESTART
    ]
    words = [sys.executable or "python", "-m", "workbench", "measure", "--host", "inline"]
    return [*words, *(word for knob in knobs for word in ("--set", knob)), *_REQUESTS]


def _work(work: Workload) -> list[str]:
    sizes = {"--new-tokens": work.new_tokens, "--batch-size": work.batch_size, "--seed": work.seed}
    if work.prompts is None:
        sizes["--prompt-tokens"] = work.prompt_tokens
    words = [word for option, value in sizes.items() for word in (option, str(value))]
    return [*words, *(["--prompts", _PROMPTS] if work.prompts is not None else [])]


def _name(model: str, config: Config) -> str:
    """Of the report: letters, digits and dashes only, since nsys reads % and $ in a name as its own."""
    return re.sub(r"[^A-Za-z0-9]+", "-", f"workbench-{model}-{config.attention}").strip("-").lower()[-80:].lstrip("-")
