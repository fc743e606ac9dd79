"""GPTQ and AWQ by gptqmodel: `python -P -m workbench.engine.calibrate`, a process that ends when it is done.

Started by `workbench.hub.quantize` in a scratch folder, where gptqmodel keeps its logs and what it moves to the disk.
It prints JSON lines: {"layer": i, "of": n}, and at the end {"tokens": …, "widest": …, "versions": {…}} or
{"code": …, "params": {…}}.
"""

import argparse
import json
import os
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workbench.errors import ModelError, WorkbenchError
from workbench.knobs.formats import FORMATS

LEAST_TOKENS = 512
_SHORTEST = 10  # gptqmodel drops what is not longer
_WORKERS = "GPTQMODEL_CPU_WORKERS"  # with one of them it cannot load a model: "requests 2 workers but parent has 1"
_PACKAGES = ("torch", "transformers", "safetensors", "gptqmodel")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--bits", type=int, required=True)
    parser.add_argument("--group-size", type=int, required=True)
    parser.add_argument("--passages", type=Path, required=True)
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_owner, daemon=True, name="owner").start()
    tell, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr  # what a library prints is no answer
    os.dup2(2, 1)
    os.environ[_WORKERS] = str(max(2, os.cpu_count() or 2))
    try:
        told = _quantize(arguments, lambda document: print(json.dumps(document), file=tell, flush=True))
    except WorkbenchError as error:
        told = {"code": error.code, "params": error.params}
    print(json.dumps(told), file=tell, flush=True)
    return 1 if "code" in told else 0


def _quantize(arguments: argparse.Namespace, tell: Any) -> dict[str, Any]:
    from transformers import AutoTokenizer

    passages = json.loads(arguments.passages.read_text(encoding="utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(arguments.source, trust_remote_code=False)
    lengths = [len(tokenizer(passage)["input_ids"]) for passage in passages]
    tokens = sum(length for length in lengths if length > _SHORTEST)
    if tokens < LEAST_TOKENS:
        raise ModelError("calibrate.too_little", name=arguments.name, tokens=tokens, least=LEAST_TOKENS)

    import torch
    from gptqmodel import BACKEND, GPTQModel, QuantizeConfig
    from gptqmodel.quantization import METHOD

    on_cpu = not torch.cuda.is_available()
    settings = QuantizeConfig(
        bits=arguments.bits,
        group_size=arguments.group_size,
        sym=True,
        desc_act=False,
        method=METHOD.AWQ if arguments.method == "awq" else METHOD.GPTQ,
        offload_to_disk_path=str(Path("offload").absolute()),
        **({"device": "cpu"} if on_cpu else {}),
    )
    model = GPTQModel.load(str(arguments.source), settings)
    layers = model.model.config.get_text_config().num_hidden_layers
    done: set[int] = set()

    def layer_complete(*, layer_idx: int, submodule_finalized: bool) -> None:
        if not submodule_finalized and layer_idx not in done:
            done.add(layer_idx)
            tell({"layer": len(done), "of": layers})

    model.layer_callback = layer_complete
    # without a GPU only torch's own AWQ can be calibrated: the others raise "CUDA is not available"
    backend = {"backend": BACKEND.AWQ_TORCH} if on_cpu and arguments.method == "awq" else {}
    widest = max(
        module.in_features for module in model.model.modules() if isinstance(getattr(module, "in_features", None), int)
    )
    model.quantize(list(passages), batch_size=1, **backend)
    model.save(str(arguments.target))
    packages = (*_PACKAGES, *FORMATS[arguments.method].beside)
    return {"tokens": tokens, "widest": widest, "versions": {name: version(name) for name in packages}}


def _end_with_owner() -> None:
    """The owner holds the other end of our standard input and never writes."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # gptqmodel's threads are not waited for
