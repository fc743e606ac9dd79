"""Session.from_code: the script's model, in the script's own configuration, or the nearest that this machine can do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from tests.knobs.facts import gpu, machine, packages
from tests.pasted.conftest import small_model as small_model  # the fixture
from workbench.errors import ConfigError
from workbench.from_code import possible
from workbench.knobs import refusals

SCRIPT = """
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = {model!r}
tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, load_in_8bit=True, torch_dtype=torch.float32, device_map="cuda")
torch.set_num_threads(1)
inputs = tokenizer("Hi there", return_tensors="pt").to("cuda")
model.generate(**inputs, max_new_tokens=8, do_sample=False, temperature=0.5, eos_token_id=7)
"""


@pytest.fixture(scope="module")
def session(small_model: Path, demo_home: Path) -> Iterator[wb.Session]:
    with wb.Session.from_code(SCRIPT.format(model=str(small_model))) as opened:
        yield opened


@pytest.mark.model
def test_the_base_line_is_in_force(session: wb.Session, small_model: Path) -> None:
    assert session.name == str(small_model)
    assert session.resolved.quantization == "bnb-int8"
    assert session.resolved.eos_token_ids == (7,)  # the script's own, wrong as it is
    assert session.config.threads == 1
    assert session.config.do_sample is False


@pytest.mark.model
def test_what_this_machine_lacks_is_replaced_and_told(session: wb.Session) -> None:
    assert session.pasted is not None
    if session.machine.gpus:
        pytest.skip("a GPU is here: the script's device can be had")
    assert session.pasted.config.device == "cuda"
    assert session.config.device == "auto"
    (note,) = [note for note in session.pasted.notes if note.code == "pasted.note.not_here"]
    assert note.params["knob"] == "device"


@pytest.mark.model
def test_the_script_is_kept_with_its_marks_and_its_work(session: wb.Session) -> None:
    assert session.pasted is not None
    assert {mark.rule for mark in session.pasted.marks} == {
        "load_in_bits",
        "torch_dtype",
        "sampling_with_greedy",
        "wrong_eos",
    }
    assert session.pasted.workload.prompts == ("Hi there",)
    answer = session.generate(list(session.pasted.prompts), session.pasted.max_new_tokens, chat=False)
    assert 1 <= len(answer[0].token_ids) <= 8
    assert "eos_token_id=1)" in session.pasted.corrected


def test_a_session_that_was_opened_otherwise_has_no_script() -> None:
    assert wb.Session._pasted is None


def test_a_script_that_names_no_model_says_how_one_is_named(demo_home: Path) -> None:
    with pytest.raises(ConfigError, match="line 2") as caught:
        wb.Session.from_code("import sys\nm = AutoModelForCausalLM.from_pretrained(sys.argv[1])")
    assert "model=" in str(caught.value)
    with pytest.raises(ConfigError, match="no Python"):
        wb.Session.from_code("not a script")


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ({"device": "cuda"}, {"device": "auto"}),
        ({"device": "cuda:3", "attention": "flash_attention_2"}, {"device": "auto", "attention": "sdpa"}),
        ({"quantization": "bnb-int8", "device": "cuda"}, {"quantization": "auto", "device": "auto"}),
        ({"dtype": "bfloat16", "threads": 2}, {}),
        ({"threads": 64}, {"threads": "auto"}),
    ],
)
def test_the_nearest_config_that_a_machine_can_do(asked: dict[str, object], used: dict[str, object]) -> None:
    here = machine(packages=packages())
    config, told = possible(wb.Config(**asked), here)
    assert config == wb.Config(**{**asked, **used})
    assert refusals(config, here) == {}
    assert {note.params["knob"] for note in told} == set(used)
    assert all(note.params["reason"] for note in told)


def test_where_all_is_there_nothing_changes() -> None:
    config = wb.Config(device="cuda", attention="sdpa", dtype="bfloat16")
    assert possible(config, machine(gpu((9, 0)))) == (config, ())
