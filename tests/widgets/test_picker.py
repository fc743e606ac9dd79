"""The picker as a person uses it, with real models in real workers, without a browser."""

import html
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench as wb
from tests.charts.samples import HOSTILE
from tests.hub.test_inventory import make
from tests.widgets.conftest import Driver, until
from workbench.errors import ModelError, Stopped
from workbench.results.inventory import Inventory, ModelEntry
from workbench.widgets import ModelPicker
from workbench.widgets.parts import is_shown
from workbench.widgets.picker_lines import facts, option

TINY = "random:deepseek-llm-7b-base?scale=tiny"


class Picking(Driver):
    def __init__(self, picker: ModelPicker) -> None:
        self.panel = self.picker = picker  # type: ignore[assignment]

    def rest(self) -> None:
        until(lambda: not self["picker-open"].disabled)


@pytest.fixture
def pick(own_demo_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Picking]:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    monkeypatch.delenv("WORKBENCH_MODEL", raising=False)
    picker = ModelPicker()
    yield Picking(picker)
    picker.stop()
    if picker.session is not None:
        picker.session.close()
    picker.close()


def test_it_begins_with_the_demo_or_what_the_environment_names(pick: Picking, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick.picker.name == "demo"
    assert pick["picker-list"].value == "demo"
    assert "134 515 008" in pick["picker-facts"].value.replace("\u2009", " ")
    assert pick.picker.session is None
    monkeypatch.setenv("WORKBENCH_MODEL", TINY)
    other = ModelPicker()
    assert other.name == TINY
    other.close()
    monkeypatch.setenv("WORKBENCH_MODEL", "")
    empty = ModelPicker()
    assert empty.name == "demo"
    empty.close()


def test_choosing_from_the_list_fills_the_field_and_tells_the_facts(pick: Picking) -> None:
    pick["picker-list"].value = "random:deepseek-v3"
    assert pick.picker.name == "random:deepseek-v3"
    assert "does not fit" in pick["picker-facts"].value
    assert "random weights" in pick["picker-facts"].value
    pick["picker-name"].value = "deepseek-ai/deepseek-llm-7b-chat"
    assert pick["picker-list"].value == ""
    assert "downloaded" in pick["picker-facts"].value
    pick["picker-list"].value = "demo"
    assert pick.picker.name == "demo"


def test_looking_again_finds_what_was_added_and_keeps_the_choice(pick: Picking) -> None:
    pick.picker.name = "./mine"
    assert pick["picker-list"].value == ""
    make(Path("mine"))
    pick["picker-refresh"].click()
    assert pick.picker.name == "./mine"
    assert pick["picker-list"].value == "./mine"
    assert "LlamaForCausalLM" in pick["picker-facts"].value


def test_a_damaged_model_says_why(pick: Picking) -> None:
    folder = make(Path("broken"))
    (folder / "model.safetensors").write_bytes(b"")
    pick.picker.refresh()
    pick.picker.name = "./broken"
    assert "is empty" in pick["picker-facts"].value


@pytest.mark.model
def test_open_without_a_click_gives_the_session_and_keeps_it(pick: Picking) -> None:
    pick.picker.name = TINY
    session = pick.picker.open()
    assert pick.picker.session is session
    assert session.name == TINY
    assert session.resolved.device == "cpu"
    assert pick.picker.open() is session
    assert "is open: cpu" in pick["status"].value
    assert (pick["picker-open"].disabled, pick["picker-stop"].disabled) == (False, True)
    pick.picker.name = "./nothing here"
    with pytest.raises(ModelError):
        pick.picker.open()
    assert session.state == "idle", "what cannot be opened costs nothing"
    assert pick.picker.session is session
    pick.picker.name = f"{TINY}&layers=2"
    other = pick.picker.open()
    assert other is not session
    assert session.state == "closed"
    assert other.facts.layers == 2


@pytest.mark.model
def test_a_click_opens_and_returns_at_once(pick: Picking) -> None:
    pick["picker-name"].value = TINY
    pick["picker-open"].click()
    assert pick["picker-open"].disabled
    assert not pick["picker-stop"].disabled
    assert "opening" in pick["status"].value
    session = pick.picker.open()  # waits for the same one
    pick.rest()
    assert pick.picker.session is session


@pytest.mark.model
def test_stop_ends_an_opening_and_leaves_a_usable_picker(pick: Picking) -> None:
    pick["picker-name"].value = "random:deepseek-llm-7b-base?layers=4"
    pick["picker-open"].click()
    future = pick.picker._opening.future
    assert future is not None
    pick["picker-stop"].click()
    with pytest.raises(Stopped):
        future.result(timeout=120)
    pick.rest()
    assert pick.picker.session is None
    assert "topped" in pick["status"].value
    pick.picker.name = TINY
    assert pick.picker.open().state == "idle"


def test_what_cannot_be_opened_says_so_in_the_picker_and_where_open_waits(pick: Picking) -> None:
    pick.picker.name = "./nothing here"
    with pytest.raises(ModelError):
        pick.picker.open()
    assert "nothing here" in pick["error"].value
    assert not pick["picker-open"].disabled
    pick.picker.name = " "
    with pytest.raises(ModelError, match="No model is named"):
        pick.picker.open()
    pick["picker-open"].click()
    assert "No model is named" in pick["error"].value
    pick["picker-list"].value = "demo"
    assert pick["error"].value == ""


@pytest.mark.model
def test_a_device_in_use_offers_what_can_be_done(pick: Picking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBENCH_WHEN_BUSY", raising=False)
    with wb.Session(TINY) as first:
        assert first.state == "idle"
        pick.picker.name = f"{TINY}&layers=2"
        with pytest.raises(wb.DeviceBusy):
            pick.picker.open()
        assert is_shown(pick.picker._busy_row)
        pick["picker-busy"].value = "beside"
        assert pick.picker.open().facts.layers == 2
        assert not is_shown(pick.picker._busy_row)


def test_pickle_files_need_a_yes_for_this_model(pick: Picking) -> None:
    folder = make(Path("old"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    pick.picker.refresh()
    assert not is_shown(pick["picker-pickle"])
    pick.picker.name = "./old"
    assert is_shown(pick["picker-pickle"])
    with pytest.raises(ModelError) as caught:
        pick.picker.open()
    assert caught.value.code == "model.pickle_only"
    pick["picker-pickle"].value = True
    pick.picker.name = "demo"
    assert pick["picker-pickle"].value is False, "a yes is for one model"


def test_foreign_names_are_text(pick: Picking) -> None:
    folder = make(Path("<img src=x onerror=alert(1)>"), architectures=[f"{HOSTILE}ForCausalLM"])
    pick.picker.refresh()
    pick.picker.name = "./<img src=x onerror=alert(1)>"
    assert html.escape("<img src=x") in pick["picker-facts"].value
    assert "<img" not in pick.html()
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError):
        pick.picker.open()
    assert "<img" not in pick.html()
    assert "\x1b" not in pick.html()


def test_a_second_picker_takes_the_place_of_the_first(pick: Picking) -> None:
    second = ModelPicker()
    assert pick.picker.box.comm is None
    second.close()
    second.close()


@pytest.mark.parametrize(
    ("fits", "words"), [(True, "fits: takes"), (False, "does not fit: takes"), (None, "not known before")]
)
def test_the_facts_say_whether_it_fits_and_why(fits: bool | None, words: str) -> None:
    entry = ModelEntry(name="x", place="here", bytes=1 << 30, needs_bytes=2 << 30, fits=fits)
    found = Inventory(device="cuda:0", available_bytes=4 << 30, entries=(entry,))
    told = " ".join(facts(entry, found)).replace("\u2009", " ")
    assert words in told
    if fits is not None:
        assert "2.00 GiB" in told
        assert "4.00 GiB" in told
    assert "1.00 GiB" in option(entry).replace("\u2009", " ")
    json.dumps(entry.to_dict())
