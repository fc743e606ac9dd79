"""Runs exported files where the workbench cannot be imported, and asks the engine for the same."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench import export
from workbench.catalog.sources import find
from workbench.config import Config
from workbench.engine.engine import Engine
from workbench.probes.context import Context

Ask = Callable[..., dict[str, Any]]  # the file, the prompts, variables of the environment by name
PROMPTS = ["the sea is deep and the sky is", "one"]
# runs a file as `python file` would, without the workbench; then asks its functions for token ids
ANSWER = """
import json, os, runpy, sys, traceback
from pathlib import Path
sys.modules["workbench"] = None  # every import of it fails
sys.path += json.loads(sys.argv[1])  # packages that these tests were given by PYTHONPATH
def answer(file, prompts):
    made = runpy.run_path(file, run_name="load_model")
    tokenizer, model = made["load"]()
    made["torch"].manual_seed(0)
    modes = []
    model.register_forward_hook(lambda *_: modes.append(made["torch"].is_inference_mode_enabled()))
    return {
        "ids": made["generate"](tokenizer, model, prompts, max_new_tokens=8),
        "attention": model.config._attn_implementation,
        "dtype": str(model.dtype),
        "pad": tokenizer.pad_token_id,
        "eos": model.generation_config.eos_token_id,
        "side": tokenizer.padding_side,
        "threads": made["torch"].get_num_threads(),
        "inference": all(modes),
        "policy": os.environ["OMP_WAIT_POLICY"],
    }
"""
ALONE = ANSWER + "print(json.dumps(answer(sys.argv[2], json.loads(sys.argv[3]))))"
# each file in a process of its own that has imported the libraries already: that alone takes seconds a file
FORKING = (
    ANSWER
    + """
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast
for line in sys.stdin:
    file, prompts, told, more = json.loads(line)
    child = os.fork()
    if not child:
        status = 1
        os.environ.update(more)
        try:
            Path(told).write_text(json.dumps(answer(file, prompts)))
            status = 0
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(status)
    print("ended with", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
)


# torch's own modules, which come with its compiler; packages that compile at import bring them too
QUIET = ("-W", "ignore:`torch.jit.script_method`:DeprecationWarning", "-W", "ignore:TypedStorage:UserWarning")


def command(*words: str) -> list[str]:
    return [sys.executable, "-I", "-W", "error", *QUIET, *words]


def environment(**more: str) -> dict[str, str]:
    """Nothing of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    return {**kept, "HF_HUB_OFFLINE": "1", **more}


def packages() -> str:
    return json.dumps([place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place])


def fresh(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A process with nothing of ours in its environment."""
    return subprocess.run(command(*words), env=environment(**more), capture_output=True, text=True, check=False)


def ask_alone(file: Path, prompts: list[str], **more: str) -> dict[str, Any]:
    """What the file says in a fresh process."""
    done = fresh("-c", ALONE, packages(), str(file), json.dumps(prompts), **more)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@contextmanager
def forking(folder: Path) -> Iterator[Ask]:
    """What files say, each in a fork of one process that has nothing of ours; or in fresh ones without fork."""
    if not hasattr(os, "fork"):
        yield ask_alone
        return
    log = folder / "stderr"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command("-c", FORKING, packages()),
            env=environment(OPENBLAS_NUM_THREADS="1"),  # who forks should have no threads
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):

        def ask(file: Path, prompts: list[str], **more: str) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            told = file.with_suffix(".answer")
            process.stdin.write(json.dumps([str(file), prompts, str(told), more]) + "\n")
            process.stdin.flush()
            ended = next((line for line in process.stdout if line.startswith("ended with ")), "not at all")
            assert ended == "ended with 0\n", ended + log.read_text()
            answer: dict[str, Any] = json.loads(told.read_text())
            return answer

        yield ask
        process.stdin.close()  # type: ignore[union-attr]  # and it ends


def write(folder: Path, code: str) -> Path:
    file = folder / "load_model.py"
    file.write_text(code, encoding="utf-8")
    return file


def exported_and_said(directory: Path, config: Config) -> tuple[str, list[list[int]]]:
    """The code written from what was in force, and the token ids for PROMPTS, filled as `generate` fills them."""
    engine = Engine()
    context = Context(lambda _name, _data: None)
    engine.open(find(str(directory)), config, context)
    try:
        known = {"resolved": engine.resolved(), "facts": engine.facts}
        answers = [list(answer.token_ids) for answer in engine.generate(context, PROMPTS, 8)]
        pad = engine.tokenizer.pad_token_id
    finally:
        engine.close()
    longest = max(map(len, answers))
    ids = [ids + [pad] * (longest - len(ids)) for ids in answers]
    return export.render("transformers", config, model=str(directory), **known), ids
