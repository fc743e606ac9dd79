"""Runs an exported loader where the workbench cannot be imported. Started as a file of its own with `python -I`.

Arguments: the folder of the exported files, and the folders of packages (JSON). Reads a command a line (JSON) from
stdin and writes an answer a line to what was stdout; whatever libraries print goes to stderr. Ends with its owner.
"""

import contextlib
import importlib
import json
import os
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from queue import SimpleQueue
from types import ModuleType
from typing import Any

FORBIDDEN = "workbench"


class Nowhere:
    """First of the finders: the workbench is not found, installed or not."""

    @staticmethod
    def find_spec(name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> None:
        if name.partition(".")[0] == FORBIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _first_to_go()
    folder, packages = sys.argv[1], json.loads(sys.argv[2])
    sys.path += [place for place in packages if place not in sys.path]
    sys.meta_path.insert(0, Nowhere)
    commands: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_read, args=(commands,), daemon=True).start()
    snippet = Snippet(folder)
    while True:
        command = commands.get()
        try:
            answer = getattr(snippet, command.pop("do"))(**command)
        except Exception as error:  # noqa: BLE001  # whatever the exported file raises is told, in its own words
            answer = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _first_to_go() -> None:
    """Asks the kernel to take this process, not the notebook, when memory runs out (proc(5), oom_score_adj)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")


def _read(commands: "SimpleQueue[dict[str, Any]]") -> None:
    for line in sys.stdin:
        commands.put(json.loads(line))
    os._exit(0)  # the owner is gone


class Snippet:
    """The exported files in this process; its methods are the commands."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._inputs: dict[str, Any] = {}

    def load(self) -> dict[str, Any]:
        """Imports the loader, loads the model, and reads back what is in force."""
        absent = False
        try:
            importlib.import_module(FORBIDDEN)
        except ModuleNotFoundError:
            absent = FORBIDDEN not in sys.modules
        sys.path.insert(0, self._folder)
        began = time.perf_counter()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            self.loader = importlib.import_module("load_model")
            self.check = importlib.import_module("check_model")
            self.tokenizer, self.model = self.loader.load()
        return {
            "without_workbench": absent,
            "seconds": time.perf_counter() - began,
            "state": self._state(),
            # those of the file itself: it points at whoever calls `load`, which is here
            "warnings": [
                str(each.message)
                for each in told
                if each.filename == __file__ or each.filename.startswith(self._folder)
            ],
        }

    def answer(
        self, prompts: list[str], chat: bool, new_tokens: int, arguments: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Token ids of each prompt: by the file's own `generate`, or with other arguments through its `run`."""
        if arguments is None:
            ids = self.loader.generate(self.tokenizer, self.model, prompts, new_tokens, chat)
        else:
            inputs = self.loader.encode(self.tokenizer, prompts, chat)
            output = self.loader.run(self.model, inputs, new_tokens, **arguments)
            ids = output[:, inputs["input_ids"].shape[1] :].tolist()
        return {"ids": ids}

    def block(self, work: dict[str, Any]) -> dict[str, Any]:
        """One run of fixed work, as the exported check does it."""
        key = json.dumps(work, sort_keys=True)
        if key not in self._inputs:
            self._inputs[key] = self.check.work_of(self.loader, self.tokenizer, work)
        began = time.perf_counter()
        times, _ids = self.check.once(self.loader, self.model, self._inputs[key], work)
        return {"run": times, "seconds": time.perf_counter() - began}

    def _state(self) -> dict[str, Any]:
        """Read from the model and from torch, not from what the file says."""
        torch, model = sys.modules["torch"], self.model
        devices: Counter[str] = Counter()
        elements: Counter[str] = Counter()
        for parameter in model.parameters():
            devices[str(parameter.device)] += 1
            if parameter.is_floating_point() and parameter.itemsize > 1:  # the rest is packed
                elements[str(parameter.dtype).removeprefix("torch.")] += parameter.numel()
        quantised = getattr(model.config, "quantization_config", None)
        entry: Any = quantised.to_dict() if quantised is not None and hasattr(quantised, "to_dict") else quantised
        ends = model.generation_config.eos_token_id
        return {
            "attention": str(model.config._attn_implementation),
            "dtype": elements.most_common(1)[0][0],
            "device": devices.most_common(1)[0][0],
            "threads": torch.get_num_threads(),
            "tf32": torch.get_float32_matmul_precision() != "highest",
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "pad_token_id": model.generation_config.pad_token_id,
            "eos_token_ids": ends if isinstance(ends, list) else [] if ends is None else [ends],
            "padding_side": self.tokenizer.padding_side,
            "generation": self.loader.GENERATION,
            "quantization_config": json.loads(json.dumps(entry, default=str)),
        }


if __name__ == "__main__":
    main()
