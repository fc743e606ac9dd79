"""Runs in optimum-benchmark's own environment: a grid of configurations, each in a process of its own as it has it.

Arguments: a JSON file with model, prompt, new, points (attention, dtype, cache, threads), and where the answer goes.
The answer: for each point the wall seconds of its launch and the tool's own latencies (decode, generate), seconds.
Its `inter_op_num_threads` is what it hands to `torch.set_num_threads` (and the other one to the other): both are given.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

from optimum_benchmark import Benchmark, BenchmarkConfig, InferenceConfig, ProcessConfig, PyTorchConfig


def main(asked: dict, into: Path) -> None:
    found = []
    for point in asked["points"]:
        began = time.monotonic()
        report = Benchmark.launch(config(asked, point))
        wall_s = time.monotonic() - began
        found.append(
            {
                "wall_s": wall_s,
                "decode_s": report.decode.latency.values,
                "generate_s": report.generate.latency.values,
            }
        )
        print(point, round(wall_s, 1), "s", file=sys.stderr, flush=True)
    names = ("optimum-benchmark", "transformers", "torch")
    into.write_text(
        json.dumps({"versions": {name: version(name) for name in names}, "points": found}), encoding="utf-8"
    )


def config(asked: dict, point: dict) -> BenchmarkConfig:
    """Iterations and seconds of a point are the tool's defaults; one warm-up run instead of its ten, in its favour."""
    new = asked["new"]
    backend = PyTorchConfig(
        model=asked["model"],
        device="cpu",
        task="text-generation",
        library="transformers",
        torch_dtype=point["dtype"],
        attn_implementation=point["attention"],
        cache_implementation="static" if point["cache"] == "static" else None,
        inter_op_num_threads=point["threads"],
        intra_op_num_threads=point["threads"],
    )
    scenario = InferenceConfig(
        warmup_runs=1,
        input_shapes={"batch_size": 1, "sequence_length": asked["prompt"]},
        generate_kwargs={"max_new_tokens": new, "min_new_tokens": new},
    )
    return BenchmarkConfig(name="grid", backend=backend, scenario=scenario, launcher=ProcessConfig())


if __name__ == "__main__":  # its processes are spawned: they import this file
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
