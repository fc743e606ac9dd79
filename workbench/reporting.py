"""What was found with this model here, written to the disk: for a team to read, or for its lead to sign."""

from collections.abc import Mapping
from pathlib import Path

from workbench.bench import Bench
from workbench.catalog.sources import demo_folder
from workbench.config import Config
from workbench.errors import CapabilityError, ModelError
from workbench.exporting import exported
from workbench.results import Snippet


def report(
    bench: Bench,
    job: int,
    path: str | Path = "report",
    *,
    sign_off: bool = False,
    targets: Mapping[str, str] | None = None,
    roll_back: Config | None = None,
) -> tuple[Path, ...]:
    """As `Session.report` says; the files that were written."""
    from workbench.report import Ground, write  # brings plotly, which a session does without

    ground = Ground(
        model=bench.name,
        facts=bench.facts,
        machine=bench.machine,
        config=bench.config,
        resolved=bench.resolved,
        runs=bench.runs,
        snippet=_code(bench),
    )
    written = write(ground, path, sign_off=sign_off, files=_files(bench), targets=targets, roll_back=roll_back)
    bench.tell(job, "result", {"kind": "report", "value": written, "config": bench.config})
    return written


def _files(bench: Bench) -> Path | None:
    """Where the model's files lie: a folder, or one GGUF file."""
    source = bench.source
    if source is None or source.kind == "demo":
        return demo_folder() if source else None
    return source.path / source.gguf_file if source.path and source.gguf_file else source.path


def _code(bench: Bench) -> Snippet:
    """As code that loads the model; a random or attached model has none to load: its configuration alone."""
    try:
        return exported(bench)
    except (ModelError, CapabilityError):
        return exported(bench, "json")
