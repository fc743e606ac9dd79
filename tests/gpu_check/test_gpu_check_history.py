"""Which sections were run on a GPU is read from the reports that are kept; a rehearsal is no proof."""

import json
from pathlib import Path

import pytest

from workbench.gpu_check import SECTIONS, Proof, Report, SectionReport, proofs, told
from workbench.machine import doctor
from workbench.results import Gpu


def kept(folder: Path, name: str, gpu: str | None, **sections: bool) -> None:
    """A report as a check writes it; `gpu` None: a rehearsal."""
    machine = doctor()
    if gpu:
        machine = machine.model_copy(update={"gpus": (Gpu(index=0, name=gpu, memory_bytes=80 << 30),)})
    found = [
        SectionReport(name=section, ok=ok, seconds=1.0, found={"rows": [], "skipped": [], "failed": []})
        for section, ok in sections.items()
    ]
    Report(machine=machine, rehearsal=gpu is None, sections=tuple(found)).write(folder / f"gpu-check-{name}")


def test_without_a_report_every_section_is_named_as_never_run(tmp_path: Path) -> None:
    found = proofs(tmp_path)
    assert list(found) == list(SECTIONS)
    assert not any(found.values())
    said = told(found)
    assert said.startswith("No section has been run on a GPU yet: environment, capabilities, ")
    assert all(section in said for section in SECTIONS)


def test_a_rehearsal_proves_nothing(demo_home: Path, tmp_path: Path) -> None:
    kept(tmp_path, "here", None, switches=True, kernels=True)
    assert not any(proofs(tmp_path).values())


def test_what_ran_is_told_by_gpu_and_the_rest_as_never_run(demo_home: Path, tmp_path: Path) -> None:
    kept(tmp_path, "a", "NVIDIA A100", switches=True, kernels=False)
    kept(tmp_path, "b", "NVIDIA H200", kernels=True)
    said = told(proofs(tmp_path))
    assert said.startswith("Run on a GPU: switches (NVIDIA A100); kernels (NVIDIA A100, with failures, NVIDIA H200).")
    never = said.partition("Never run on a GPU: ")[2]
    assert "experts" in never
    assert "kernels" not in never
    everywhere = {name: (Proof(gpu="NVIDIA H200", ok=True),) for name in SECTIONS}
    assert "Never run" not in told(everywhere)


def test_a_report_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "gpu-check-broken"
    broken.mkdir()
    (broken / "gpu-check.json").write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        proofs(tmp_path)
    (broken / "gpu-check.json").write_text(json.dumps({"result": {}}))
    with pytest.raises(KeyError):
        proofs(tmp_path)
