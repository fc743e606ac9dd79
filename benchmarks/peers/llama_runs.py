"""Runs in llama.cpp's own environment: a line of JSON in (threads, prompt, new), one with its seconds out.

Greedy, over random token ids, so that no answer ends early; each run on an empty cache.
"""

import json
import random
import sys
import time
from importlib.metadata import version

from llama_cpp import Llama


def main(file: str) -> None:
    print(json.dumps({"version": version("llama-cpp-python")}), flush=True)
    models: dict[int, Llama] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        threads = asked["threads"]
        if threads not in models:
            models[threads] = Llama(file, n_ctx=512, n_threads=threads, n_threads_batch=threads, verbose=False)
        print(json.dumps(run(models[threads], asked["prompt"], asked["new"])), flush=True)


def run(model: Llama, prompt: int, new: int) -> dict[str, float]:
    tokens = random.Random(prompt).choices(range(100, 40000), k=prompt)
    model.reset()
    began = time.perf_counter()
    model.eval(tokens)
    token = model.sample(temp=0.0)
    first = time.perf_counter()
    for _ in range(new - 1):
        model.eval([token])
        token = model.sample(temp=0.0)
    end = time.perf_counter()
    return {"prefill_tps": prompt / (first - began), "decode_tps": (new - 1) / (end - first), "e2e_s": end - began}


main(sys.argv[1])
