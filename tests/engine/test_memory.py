"""What a quantised model leaves of its files in memory, and what work that memory was refused leaves of its tensors."""

import gc
import sys
import weakref
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.engine.test_census import LLAMA, built, forward, four_bits
from workbench.engine.memory import leave_files, refusals_told
from workbench.errors import OutOfMemory
from workbench.words import say


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_weight_file_stays_mapped_for_the_tables_in_full(tmp_path: Path) -> None:
    tied = {**LLAMA, "tie_word_embeddings": True}
    built(tied, torch.float32).save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(
        tmp_path, quantization_config=four_bits("nf4"), dtype=torch.float32, device_map={"": "cpu"}
    )
    table = model.get_input_embeddings().weight.detach().clone()
    assert _mapped(tmp_path), "the file is no longer mapped by itself: leave_files can go"
    leave_files(model)
    gc.collect()
    assert not _mapped(tmp_path)
    assert torch.equal(model.get_input_embeddings().weight, table)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    forward(model)


def test_what_failed_work_had_taken_is_gone_before_anything_is_done_about_it() -> None:
    """While a `with` block ends Python keeps the error that ended it, and the traceback holds its tensors."""
    taken: list[weakref.ref[torch.Tensor]] = []
    alive: list[bool] = []

    def inner() -> None:
        tensor = torch.ones(1 << 20)
        taken.append(weakref.ref(tensor))
        torch.empty(1 << 50)

    def outer() -> None:
        other = torch.ones(1 << 20)
        taken.append(weakref.ref(other))
        try:
            inner()
        except RuntimeError as error:
            raise RuntimeError(f"wrapped: {error}") from error

    def look() -> dict[str, int]:
        alive.extend(each() is not None for each in taken)
        return {"rows": 3}

    with pytest.raises(OutOfMemory) as caught, refusals_told(torch.device("cpu"), say("phase.loading"), look):
        outer()
    assert alive == [False, False]
    assert caught.value.params["asked_bytes"] == 4 << 50
    assert caught.value.params["rows"] == 3
    assert caught.value.params["left_bytes"] > 0


def _mapped(folder: Path) -> bool:
    return str(folder) in Path("/proc/self/maps").read_text()
