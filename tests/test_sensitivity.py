"""Which modules a quantisation hurts, as a session asks it: kept, told, and applied."""

from pathlib import Path

import pytest

import workbench as wb
from workbench.errors import CapabilityError, ConfigError
from workbench.results import Sensitivity
from workbench.runs import Runs

pytestmark = pytest.mark.model


def test_a_suggestion_is_kept_told_and_can_be_applied(tiny: str, tmp_path: Path) -> None:
    text = tmp_path / "own.txt"
    text.write_text("The keeper bought a watch, counted the turns in ten minutes, and changed one thing. " * 4, "utf-8")
    config = wb.Config(dtype="float32", threads=1, quantization="bnb-nf4", skip_modules=("layers.2.mlp",))
    told: list[str] = []
    with Runs(tmp_path / "runs.sqlite3") as runs, wb.Session(tiny, config=config, host="inline", runs=runs) as session:
        session.on("result", lambda event: told.append(event.data["kind"]))
        found = session.sensitivity(text, tokens=12)
        assert session.last["sensitivity"] is found
        assert Sensitivity.from_json(found.to_json()) == found
        assert found.positions == 12
        assert not any(group.label == "model.layers.2.mlp.down_proj" for group in found.groups)  # it is in full
        assert found.suggestion[0] == "layers.2.mlp"  # what was left before stays so
        assert len(found.suggestion) > 1
        bytes_before = session.resolved.weight_bytes
        assert bytes_before == found.weight_bytes
        applied = session.apply(skip_modules=found.suggestion)
        assert applied.resolved.weight_bytes == bytes_before + found.suggestion_more_bytes
        [stored] = runs.list(kind="sensitivity")
        assert stored["result"]["kld"] == found.kld
    assert told == ["sensitivity"]


def test_what_cannot_be_is_refused(tiny: str, tmp_path: Path) -> None:
    with wb.Session(tiny, config=wb.Config(threads=1), host="inline") as session:
        with pytest.raises(CapabilityError, match="No linear layer of this model is quantised"):
            session.sensitivity("short")
        with pytest.raises(ConfigError, match="cannot be read"):
            session.sensitivity(tmp_path / "gone.txt")


def test_files_that_are_quantised_have_no_weights_in_full(tiny: str, tmp_path: Path) -> None:
    config = wb.Config(dtype="float32", threads=1, quantization="bnb-nf4")
    with wb.Session(tiny, config=config, host="inline") as session:
        session.model.save_pretrained(tmp_path / "saved")
        session.tokenizer.save_pretrained(tmp_path / "saved")
    with (
        wb.Session(str(tmp_path / "saved"), config=wb.Config(threads=1), host="inline") as session,
        pytest.raises(CapabilityError, match="has no weights in full") as refused,
    ):
        session.sensitivity("short")
    assert refused.value.code == "sensitivity.no_originals"
