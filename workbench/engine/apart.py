"""Runs in another engine, in an environment of its own that has nothing of ours: python apart.py ENGINE MODEL THREADS.

The model is exported in float32 and stays so. A line of JSON in (text, new, or prompt, new), one out: the text that a
greedy answer has, or the seconds of a run over random token ids. Every run is greedy and as long as it is asked to be.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers.generation.streamers import BaseStreamer

_SHOWN = ("optimum-onnx", "onnxruntime", "optimum-intel", "openvino", "transformers")


class Clock(BaseStreamer):  # type: ignore[misc]
    """When each new token came; `generate` hands the prompt on first."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def put(self, _value: Any) -> None:
        self.at.append(time.perf_counter())

    def end(self) -> None:
        pass


def onnxruntime(folder: str, threads: int) -> Any:
    from onnxruntime import SessionOptions
    from optimum.onnxruntime import ORTModelForCausalLM

    options = SessionOptions()
    options.intra_op_num_threads = threads
    return ORTModelForCausalLM.from_pretrained(
        folder, export=True, provider="CPUExecutionProvider", session_options=options
    )


def openvino(folder: str, threads: int) -> Any:
    """In float32: left to itself the engine multiplies in bfloat16 where the processor can."""
    from optimum.intel import OVModelForCausalLM

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "KV_CACHE_PRECISION": "f32"}
    return OVModelForCausalLM.from_pretrained(folder, export=True, load_in_8bit=False, ov_config=settings)


def transformers(folder: str, threads: int) -> Any:
    """The bench's own engine in another process: what the method itself shows as a difference."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


ENGINES = {"onnxruntime": onnxruntime, "openvino": openvino, "transformers": transformers}


def timed(model: Any, prompt: int, new: int) -> dict[str, float]:
    """Seconds of a prefill and of the further tokens; tokens a second of these."""
    drawn = torch.Generator().manual_seed(prompt)
    ids = torch.randint(100, model.config.vocab_size - 100, (1, prompt), generator=drawn)
    clock, began = Clock(), time.perf_counter()
    _generate(model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, new, streamer=clock)
    _, first, *_, last = clock.at
    return {"ttft_s": first - began, "decode_tps": (new - 1) / (last - first), "e2e_s": last - began}


def answer(model: Any, tokenizer: Any, text: str, new: int) -> dict[str, str]:
    given = torch.tensor([tokenizer.encode(text).ids])
    ids = _generate(model, {"input_ids": given, "attention_mask": torch.ones_like(given)}, new)[0, given.shape[1] :]
    return {"text": tokenizer.decode(ids.tolist(), skip_special_tokens=True)}


def _generate(model: Any, inputs: dict[str, Any], new: int, **more: Any) -> Any:
    return model.generate(**inputs, max_new_tokens=new, min_new_tokens=new, do_sample=False, **more)


def main(engine: str, folder: str, threads: int) -> None:
    torch.set_num_threads(threads)
    model = ENGINES[engine](folder, threads)
    # the file itself: an older transformers does not know the tokenizer classes that files of a newer one name
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    told = {}
    for name in _SHOWN:
        try:
            told[name] = version(name)
        except ModuleNotFoundError:
            continue
    print(json.dumps({"versions": told}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "text" in asked:
            found: Any = answer(model, tokenizer, asked["text"], asked["new"])
        else:
            found = timed(model, asked["prompt"], asked["new"])
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
