"""Controls from the registry, on machines that this one is not."""

from typing import Any

import pytest

from tests.machine.facts import CPU, CPU_TORCH, CUDA_TORCH, gpu
from workbench.config import Config
from workbench.errors import CapabilityError, ConfigError
from workbench.knobs import KNOBS, Choice, Group, Knob
from workbench.results import Machine
from workbench.widgets.bodies import Situation
from workbench.widgets.controls import Control, checked, waits
from workbench.widgets.knob_board import KnobBoard
from workbench.widgets.parts import is_shown

PLAIN = Machine(
    label="two cores",
    platform="Linux",
    python="3.11.7",
    cpu=CPU,
    gpus=(),
    torch=CPU_TORCH,
    packages=(),
    free_disk_bytes=100 << 30,
)


def with_gpus(count: int) -> Machine:
    cards = tuple(gpu("NVIDIA A100", (8, 0), index) for index in range(count))
    return PLAIN.model_copy(update={"gpus": cards, "torch": CUDA_TORCH})


def situation(machine: Machine = PLAIN, pending: tuple[str, ...] = (), busy: bool = False, **knobs: Any) -> Situation:
    return Situation({**Config(**knobs)}, machine, None, frozenset(pending), busy)


def control(name: str, at: Situation) -> tuple[Control, list[tuple[str, Any]]]:
    changed: list[tuple[str, Any]] = []
    made = Control(KNOBS[name], at, lambda knob, value: changed.append((knob, value)))
    made.show(at)
    return made, changed


def buttons(made: Control) -> dict[str, Any]:
    options = made.box.children[1]
    row = options if options.children and hasattr(options.children[0], "description") else options.children[0]
    return {each.description.removeprefix("• "): each for each in row.children if hasattr(each, "on_click")}


def note(made: Control) -> str:
    return str(made.box.children[2].value)


def test_an_impossible_choice_stays_with_its_reason_and_remedy() -> None:
    made, _ = control("device", situation())
    assert buttons(made)["cuda"].disabled
    assert not buttons(made)["cpu"].disabled
    assert "<b>cuda</b>: needs a CUDA GPU" in note(made)
    assert "NVIDIA GPU" in note(made)


def test_a_possible_choice_has_no_note() -> None:
    made, _ = control("padding_side", situation())
    assert note(made) == ""
    assert not is_shown(made.box.children[2])


def test_what_a_value_costs_is_told_before_it_is_chosen() -> None:
    said = note(control("compile", situation())[0])
    assert "<b>default</b>: compiles at the first call" in said
    assert "<b>off</b>" not in said


def test_refused_values_with_one_reason_share_a_line_and_their_remedy_unfolds() -> None:
    made, _ = control("attention", situation())
    assert note(made).count("needs a CUDA GPU") == 1
    assert "<summary><b>flash_attention_2, flash_attention_3, flash_attention_4</b>: needs a CUDA GPU" in note(made)
    assert "NVIDIA GPU" in note(made).partition("</summary>")[2]


def test_values_that_only_the_libraries_name_can_be_typed_and_refused_ones_are_told() -> None:
    torch = PLAIN.torch.model_copy(update={"cache_implementations": ("dynamic", "hybrid", "offloaded_hybrid")})
    made, changed = control("cache", situation(PLAIN.model_copy(update={"torch": torch})))
    field = made.box.children[1].children[-1]
    assert field.options == ("hybrid",)
    assert "offloaded_hybrid" in note(made)
    field.value = "hybrid"
    assert changed == [("cache", "hybrid")]
    made.show(situation(PLAIN.model_copy(update={"torch": torch}), cache="hybrid"))
    assert field.value == "hybrid"
    assert changed == [("cache", "hybrid")]


def test_a_switch_that_cannot_be_turned_on_says_why() -> None:
    made, _ = control("tf32", situation())
    assert made.box.children[1].disabled
    assert "needs a CUDA GPU" in note(made)


def test_several_gpus_are_offered_by_name() -> None:
    made, changed = control("device", situation(with_gpus(2)))
    assert list(buttons(made)) == ["auto", "cpu", "cuda", "cuda:0", "cuda:1"]
    buttons(made)["cuda:1"].click()
    assert changed == [("device", "cuda:1")]


def test_showing_a_value_is_not_a_change_and_pressing_is() -> None:
    for name, shown in (("attention", "eager"), ("do_sample", True), ("temperature", 0.5), ("threads", 2)):
        made, changed = control(name, situation())
        made.show(situation(**{name: shown} | ({"do_sample": True} if name == "temperature" else {})))
        assert changed == []
    made, changed = control("attention", situation())
    buttons(made)["eager"].click()
    assert changed == [("attention", "eager")]


def test_a_knob_without_effect_is_grey_and_says_beside_which_value() -> None:
    made, _ = control("threads", situation(with_gpus(1), device="cuda"))
    assert buttons(made)["auto"].disabled
    assert "has no effect with device=cuda" in note(made)
    assert "wb-off" in made.box._dom_classes


def test_a_pending_knob_says_so_and_busy_ones_cannot_be_pressed() -> None:
    made, _ = control("dtype", situation(pending=("dtype",), busy=True))
    assert "waits for Apply: costs a reload" in made.box.children[0].value
    assert all(each.disabled for each in buttons(made).values())


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_has_a_control_whatever_its_kind(name: str) -> None:
    made, changed = control(name, situation())
    assert f"wb-knob-{name}" in made.box._dom_classes
    assert KNOBS[name].label in made.box.children[0].value
    assert changed == []


@pytest.mark.parametrize("name", KNOBS)
def test_every_pending_knob_can_be_told(name: str) -> None:
    made, _ = control(name, situation(pending=(name,)))
    assert "waits for Apply" in made.box.children[0].value


FOLDED = ("Cache and compile", "Precision", "Quantisation", "Tokens", "Generation", "Machine")


def test_a_knob_added_to_the_registry_appears_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Knob("flavour", "Flavour", "Taste.", Group.ATTENTION, Choice(("plain", "<b>")), "plain")
    monkeypatch.setitem(KNOBS, "flavour", new)
    board = KnobBoard(["attention"], situation(), lambda _knob, _value: None)
    board.show(situation())
    section = board.box.children[0]
    assert [name for box in section.children for name in box._dom_classes if name == "wb-knob-flavour"]
    heads = [fold.children[0].description for fold in board.box.children[1:]]
    assert heads == [f"▸ {name}" for name in FOLDED]


def test_all_groups_open_leaves_no_accordion() -> None:
    board = KnobBoard([str(group) for group in Group], situation(), lambda _knob, _value: None)
    assert len(board.box.children) == len(Group)


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [("threads", "auto", "auto"), ("threads", "1", 1), ("eos_token_ids", "2 0", (2, 0)), ("temperature", 0.5, 0.5)],
)
def test_what_a_person_types_becomes_a_value(name: str, typed: Any, value: Any) -> None:
    assert checked(KNOBS[name], typed, situation()) == value


def test_what_is_no_value_or_cannot_be_here_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 to 1024"):
        checked(KNOBS["threads"], "many", situation())
    with pytest.raises(CapabilityError, match="cores"):
        checked(KNOBS["threads"], str(PLAIN.cpu.logical_cores + 1), situation())
    with pytest.raises(CapabilityError, match="CUDA"):
        checked(KNOBS["device"], "cuda", situation())


def test_only_what_costs_more_than_a_call_waits() -> None:
    waiting = [name for name, knob in KNOBS.items() if waits(knob)]
    quantisation = ["quantization", "compute_dtype", "bnb_double_quant", "group_size", "quantize_head", "skip_modules"]
    spread = ["offloaded_layers", "device_map", "max_memory", "tp_plan", "tp_size"]
    assert waiting == ["dtype", *quantisation, "device", "waiting", "pinning", "allocator", *spread]


@pytest.mark.parametrize(
    ("value", "written"), [((), ""), (("END",), "END"), (("\n\n", "END"), '["\\n\\n", "END"]'), (("[x]",), '["[x]"]')]
)
def test_stop_strings_are_written_as_they_can_be_typed_again(value: tuple[str, ...], written: str) -> None:
    at = situation(stop_strings=value)
    made, changed = control("stop_strings", at)
    field = made.box.children[1].children[-1]
    assert field.value == written
    assert checked(KNOBS["stop_strings"], written, at) == value
    field.value = "typed"
    assert changed == [("stop_strings", "typed")]
    with pytest.raises(ConfigError, match="up to 16 texts"):
        checked(KNOBS["stop_strings"], '["", "x"]', at)


def test_a_harmful_value_is_told_beside_its_control() -> None:
    made, _ = control("temperature", situation(do_sample=True, temperature=1e-6))
    assert "chance picks one" in note(made)
    made, _ = control("temperature", situation(temperature=0.5))
    assert "no effect" in note(made)
    made, _ = control("repetition_penalty", situation(repetition_penalty=0.9))
    assert "rewards repetition" in note(made)
    made, _ = control("no_repeat_ngram_size", situation(no_repeat_ngram_size=6))
    assert note(made) == ""


def test_a_folded_group_opens_and_closes_by_its_heading() -> None:
    board = KnobBoard(["attention"], situation(), lambda _knob, _value: None)
    head, inside = board.box.children[1].children
    assert not is_shown(inside)
    head.click()
    assert is_shown(inside)
    assert head.description.startswith("▾")
    head.click()
    assert not is_shown(inside)
