"""A report on the disk: report.html and report.md; with what is signed also the configuration that `check` guards."""

from collections.abc import Mapping
from pathlib import Path

from workbench.config import Config
from workbench.errors import StoreError
from workbench.report.content import Ground, sections
from workbench.report.pages import html, markdown
from workbench.report.signing import CONFIG, signed, way_back

NAME = "report"


def write(
    ground: Ground,
    folder: str | Path,
    *,
    sign_off: bool = False,
    files: Path | None = None,
    targets: Mapping[str, str] | None = None,
    roll_back: Config | None = None,
) -> tuple[Path, ...]:
    """The files that were written. StoreError when the disk refuses; else as `signed`."""
    whole = sections(ground)
    if sign_off or targets:
        whole[1:1] = signed(ground, files, targets, roll_back)
        whole.append(way_back(roll_back))
    place = Path(folder)
    pages = {f"{NAME}.html": html(whole), f"{NAME}.md": markdown(whole)}
    if sign_off or targets:
        pages[CONFIG] = ground.config.to_json() + "\n"
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, content in pages.items():
            (place / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise StoreError("report.refused", folder=str(place), problem=str(error)) from error
    return tuple(place / name for name in pages)
