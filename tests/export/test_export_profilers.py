"""Command lines for NVIDIA's profilers: they parse, and what they start runs here and opens the ranges they ask for."""

import collections
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import workbench as wb
from workbench.cli import main
from workbench.export.profilers import nsys
from workbench.knobs import KNOBS, parse, written

ROOT = Path(__file__).parents[2]
TINY = "random:deepseek-v2-lite?scale=tiny&layers=2"
CONFIG = wb.Config(
    dtype="float32", threads=1, waiting="passive", stop_strings=("\n\n", "it's; $HOME"), eos_token_ids=(1, 2)
)
SAMPLES = {
    "skip_modules": ("lm_head", "layers.0.mlp"),
    "stop_strings": ('["', " \n", "a, b", "it's"),
    "eos_token_ids": (1, 2),
    "pad_token": 3,
    "temperature": 0.7,
    "tf32": True,
    "device": "cuda:1",
    "assistant_model": "a folder/with spaces",
}
# record_function as it is, its names noted
NOTING = """
import os
import torch.profiler
real = torch.profiler.record_function
class record_function(real):
    def __init__(self, name, *rest):
        super().__init__(name, *rest)
        with open(os.environ["NOTED"], "a") as file:
            file.write(name + "\\n")
torch.profiler.record_function = record_function
"""


def parsed(code: str) -> tuple[dict[str, str], list[str], list[str]]:
    """Environment, the profiler's words, the program's: of the one command in `code`."""
    words = shlex.split(code.replace("\\\n", " "), comments=True)  # a shell joins such lines; shlex does not
    environment = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    start = words.index(sys.executable)
    return environment, words[:start], words[start:]


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_is_written_as_it_is_parsed(name: str) -> None:
    knob = KNOBS[name]
    for value in {knob.default, SAMPLES.get(name, knob.default)}:
        assert parse(knob.kind, written(knob.kind, value)) == value


def test_the_command_has_the_switches_of_its_config(workbench_home: Path) -> None:
    environment, profiler, program = parsed(nsys(CONFIG.replace(pinning="cores"), model=TINY).code)
    assert profiler[:2] == ["nsys", "profile"]
    assert "--trace=cuda,nvtx,osrt,cudnn,cublas" in profiler
    assert {"--capture-range=nvtx", "--nvtx-capture=workbench.measure", "--capture-range-end=stop"} <= set(profiler)
    assert not [word for word in profiler if word.startswith("--cuda-graph-trace")]
    assert environment["WORKBENCH_NVTX"] == "1"
    assert environment["NSYS_NVTX_PROFILER_REGISTER_ONLY"] == "0"
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment["OMP_PROC_BIND"] == "close"
    assert not [word for word in program if word.startswith(("waiting=", "pinning="))]  # the environment has them


@pytest.mark.parametrize("mode", ["reduce-overhead", "max-autotune", "default"])
def test_cuda_graphs_are_taken_apart_where_compile_records_them(workbench_home: Path, mode: str) -> None:
    _, profiler, _ = parsed(nsys(wb.Config(compile=mode), model="demo").code)
    assert ("--cuda-graph-trace=node" in profiler) == (mode != "default")


def test_the_whole_run_needs_no_range_to_begin(workbench_home: Path) -> None:
    environment, profiler, _ = parsed(nsys(CONFIG, model=TINY, whole=True).code)
    assert not [word for word in profiler if "capture" in word]
    assert "NSYS_NVTX_PROFILER_REGISTER_ONLY" not in environment
    assert environment["WORKBENCH_NVTX"] == "1"


def test_nsight_compute_looks_at_measured_decode_steps(workbench_home: Path) -> None:
    made = nsys(CONFIG, model=TINY)
    environment, profiler, program = parsed(made.files["ncu.sh"])
    assert profiler[0] == "ncu"
    assert profiler[profiler.index("--nvtx-include") + 1] == "workbench.measure/workbench.decode/"
    assert program == parsed(made.code)[2]
    assert environment["WORKBENCH_NVTX"] == "1"


@pytest.mark.parametrize("model", ["-rf; rm *", "a b'\"$(date)`id`", "a\nb", "模型 %h"])
def test_a_name_stays_one_word_whatever_is_in_it(workbench_home: Path, model: str) -> None:
    made = nsys(CONFIG, model=model, revision="a b")
    _, profiler, program = parsed(made.code)
    assert program[-2:] == ["--", model]
    assert program[program.index("--revision") + 1] == "a b"
    (output,) = (word for word in profiler if word.startswith("--output="))
    assert not set(output.removeprefix("--output=")) - set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.model
def test_what_it_starts_runs_and_opens_the_ranges(demo_home: Path, tmp_path: Path) -> None:
    work = wb.Workload(prompts=("The sea", "it's $HOME; \n 海"), batch_size=2, new_tokens=3)
    made = nsys(CONFIG, model=TINY, workload=work)
    assert [path.name for path in made.save(tmp_path)] == ["nsys.sh", "ncu.sh", "prompts.jsonl"]
    (tmp_path / "sitecustomize.py").write_text(NOTING)
    environment, _, program = parsed((tmp_path / "nsys.sh").read_text())
    noted = tmp_path / "noted"
    paths = [str(tmp_path), str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    around = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NOTED": str(noted)}
    done = subprocess.run(
        [*program[:-2], "--json", *program[-2:]],
        cwd=tmp_path,
        env=around | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["config"] == CONFIG.replace(waiting="auto").to_dict()
    assert record["resolved"]["waiting"] == "passive"
    assert record["workload"]["prompts"] == list(work.prompts or ())
    repeats = record["result"]["repeats"]
    count = collections.Counter(noted.read_text().split())
    assert count["workbench.load"] == count["workbench.measure"] == 1
    assert count["workbench.prefill"] == repeats + 1  # the warm-up
    assert count["workbench.decode"] == 2 * (repeats + 1)
    assert count["workbench.sampling"] == 3 * (repeats + 1)


@pytest.mark.model
def test_a_session_tells_the_command_of_its_config(demo_home: Path) -> None:
    with wb.Session(TINY, config=wb.Config(dtype="float32", threads=1), host="inline") as session:
        session.apply(attention="eager")
        made = session.nsys(wb.Workload(prompt_tokens=8, new_tokens=4))
        model, tokenizer = session.model, session.tokenizer
        _, _, program = parsed(made.code)
        assert "attention=eager" in program
        assert program[program.index("--prompt-tokens") + 1] == "8"
        model.config._name_or_path = model.name_or_path = ""
        with wb.Session.attach(model, tokenizer) as attached, pytest.raises(wb.CapabilityError):
            attached.nsys()


def test_the_command_line_prints_it_and_loads_nothing(
    workbench_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["trace", "nowhere/at-all", "--nsys", "--whole", "--set", "attention=eager", "--new-tokens", "4"]
    assert main(words) == 0
    _, profiler, program = parsed(capsys.readouterr().out)
    assert "--capture-range=nvtx" not in profiler
    assert {"attention=eager", "nowhere/at-all"} <= set(program)
    assert main([*words, "--output", str(tmp_path / "there")]) == 0
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["ncu.sh", "nsys.sh"]
