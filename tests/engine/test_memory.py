"""What a quantised model leaves of its files in memory."""

import gc
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.engine.test_census import LLAMA, built, forward, four_bits
from workbench.engine.memory import leave_files


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


def _mapped(folder: Path) -> bool:
    return str(folder) in Path("/proc/self/maps").read_text()
