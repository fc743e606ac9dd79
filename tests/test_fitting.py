"""What would fit: only what the forecast says, as the change to type; by facts, nothing is loaded."""

from typing import Any

import pytest

from tests.knobs.facts import A100, CUDA_TORCH, PLAIN, WINDOWS, gpu, having, machine
from workbench.catalog import hf_config
from workbench.config import Config
from workbench.forecast import forecast
from workbench.forecast.fitting import Asked, fitting
from workbench.results import Machine, Workload

GIB = 1 << 30
SLUG = "deepseek-llm-7b-base"
ALL = ("bitsandbytes", "torchao", "triton", "optimum-quanto", "hqq")


def cuda(free: float, *packages: str) -> Machine:
    return having(machine(gpu((8, 0), "GPU", int(free * GIB)), torch=CUDA_TORCH), *packages)


def asked(where: Machine, work: Workload | None, config: Config | None = None, **more: Any) -> Asked:
    config = config or Config(device="cuda", dtype="bfloat16")
    return Asked(SLUG, None, config, work, more.pop("base", config), where, **more)


def said(one: Asked) -> dict[str, dict[str, Any]]:
    return {message.code.rpartition(".")[2]: message.params for message in fitting(one)}


def test_rows_that_fit_and_formats_that_make_room() -> None:
    where, work = cuda(16, *ALL), Workload(prompt_tokens=1024, new_tokens=128, batch_size=64)
    found = said(asked(where, work))
    assert found["rows"]["asked"] == 64
    rows = found["rows"]["rows"]
    now = Config(device="cuda", dtype="bfloat16")
    assert forecast(SLUG, now, work.replace(batch_size=rows), where).fits
    assert not forecast(SLUG, now, work.replace(batch_size=rows + 1), where).fits


def test_the_first_format_that_fits_is_named_and_those_before_it_do_not() -> None:
    where, work = cuda(10, *ALL), Workload(prompt_tokens=256, new_tokens=32)
    messages = [str(each) for each in fitting(asked(where, work))]
    assert any("session.apply(quantization='bnb-int8') it would fit" in each for each in messages)
    tight = [str(each) for each in fitting(asked(cuda(6, *ALL), work))]
    assert any("quantization='bnb-nf4'" in each for each in tight)
    assert not any("int8" in each for each in tight)
    without = [str(each) for each in fitting(asked(cuda(10, "torchao", "triton"), work))]
    assert any("quantization='torchao-int8-weight'" in each for each in without)


def test_float32_is_told_to_take_bfloat16() -> None:
    config = Config(device="cuda", dtype="float32")
    found = [str(each) for each in fitting(asked(cuda(20), Workload(), config))]
    assert any("session.apply(dtype='bfloat16') it would fit" in each for each in found)


def test_eager_scores_are_told_to_take_sdpa() -> None:
    config = Config(device="cuda", dtype="bfloat16", attention="eager")
    found = [str(each) for each in fitting(asked(cuda(18), Workload(prompt_tokens=3900, new_tokens=64), config))]
    assert any("attention='sdpa'" in each for each in found)


def test_a_first_load_is_told_the_config_to_open_with() -> None:
    config = Config(dtype="float32")
    one = Asked(hf_config(SLUG), None, config, None, None, cuda(20))
    assert any("With config=Config(dtype='bfloat16')" in str(each) for each in fitting(one))


def test_an_applied_config_that_failed_is_told_as_a_change_of_the_one_in_force() -> None:
    base = Config(device="cuda", dtype="bfloat16", attention="eager")
    config = base.replace(dtype="float32", attention="sdpa")
    (change,) = [
        str(each) for each in fitting(asked(cuda(20), None, config, base=base)) if "session.apply" in str(each)
    ]
    assert "session.apply(attention='sdpa')" in change  # with dtype=bfloat16, which is in force


def test_nothing_would_fit() -> None:
    found = said(asked(cuda(1, *ALL), Workload()))
    assert "change" not in found
    assert found["nothing"]["change"].startswith("session.apply(")
    bare = said(asked(cuda(1), Workload()))
    assert set(bare) <= {"nothing", "not_even"}


def test_where_the_forecast_sees_room_nothing_is_promised() -> None:
    assert set(said(asked(cuda(70, *ALL), Workload()))) == {"expected"}


def test_pieces_are_told_to_join_where_that_can_be() -> None:
    assert "expandable_segments" in said(asked(cuda(70), Workload(), in_pieces=True))["join"]["change"]
    config = Config(device="cuda", dtype="bfloat16", allocator="expandable_segments")
    assert "join" not in said(asked(cuda(70), Workload(), config, in_pieces=True))
    windows = machine(gpu((8, 0), "GPU", 70 * GIB), platform=WINDOWS.platform)
    assert "join" not in said(asked(windows, Workload(), in_pieces=True))


def test_an_attached_model_is_told_live_changes_only() -> None:
    config = Config(device="cuda", dtype="float32", attention="eager")
    work = Workload(prompt_tokens=3900, new_tokens=64)
    found = [str(each) for each in fitting(asked(cuda(33, *ALL), work, config, live=True))]
    assert any("attention='sdpa'" in each for each in found)
    assert not any("dtype=" in each or "quantization=" in each for each in found)


def test_a_device_whose_memory_is_not_known_is_told_nothing() -> None:
    unknown = machine(gpu((8, 0), "GPU"), torch=CUDA_TORCH)
    card = unknown.gpus[0].model_copy(update={"memory_bytes": 0})
    assert fitting(asked(unknown.model_copy(update={"gpus": (card,)}), Workload())) != ()
    no_gpu = PLAIN.model_copy(update={"gpus": ()})
    assert fitting(asked(no_gpu, Workload(), Config(device="cuda:3"))) == ()


@pytest.mark.parametrize("where", [A100, PLAIN])
def test_every_change_can_be_applied(where: Machine) -> None:
    """What is to be typed is Python over knobs that exist."""
    for message in fitting(asked(where, Workload(batch_size=4096), Config(dtype="float32"))):
        if change := message.params.get("change"):
            knobs = eval(change.replace("session.apply", "dict"))
            Config(**knobs)
