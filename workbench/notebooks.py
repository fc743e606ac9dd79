"""Copies of the notebooks to work in: a student's own, or in another language; and the way back to how they came.

A notebook is kept once, in English. A language has the prose by cell: `locale/LANGUAGE/notebooks/NAME.json`.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.errors import StoreError, WorkbenchError
from workbench.words import LOCALE, language

ORIGINALS = Path(__file__).parents[1] / "notebooks"


def copies(folder: str | Path, *, reset: bool = False) -> tuple[Path, ...]:
    """The notebooks in `folder`, in the language in force. What is there stays as it is; `reset` moves it into a folder
    of its own first.

    WorkbenchError where the notebooks are not part of this installation; StoreError when the disk refuses.
    """
    place = Path(folder)
    originals = sorted(ORIGINALS.glob("*.ipynb"))
    if not originals:
        raise WorkbenchError("notebooks.none", folder=str(ORIGINALS))
    if place.resolve() == ORIGINALS.resolve():
        raise StoreError("notebooks.same", folder=str(place))
    try:
        place.mkdir(parents=True, exist_ok=True)
        if reset:
            _put_aside(place, [original.name for original in originals])
        for original in originals:
            if not (place / original.name).exists():
                (place / original.name).write_text(translated(original), encoding="utf-8")
    except OSError as error:
        raise StoreError("notebooks.refused", folder=str(place), problem=str(error)) from error
    return tuple(place / original.name for original in originals)


def translated(original: Path) -> str:
    """A notebook with its prose in the language in force; cells that this language lacks stay English.

    What somebody's run left in it, outputs and numbers, is not handed on: it would answer every guess.
    """
    notebook: dict[str, Any] = json.loads(original.read_text(encoding="utf-8"))
    prose = prose_of(language(), original.stem)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and cell["id"] in prose:
            cell["source"] = prose[cell["id"]].splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
    notebook["metadata"].pop("widgets", None)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def prose_of(name: str, notebook: str) -> Mapping[str, str]:
    """Cell -> its Markdown in that language; empty where it has none."""
    file = LOCALE / name / "notebooks" / f"{notebook}.json"
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def _put_aside(place: Path, names: list[str]) -> None:
    there = [place / name for name in names if (place / name).exists()]
    if not there:
        return
    aside = place / f"before {datetime.now():%Y-%m-%d %H-%M-%S}"
    aside.mkdir()
    for path in there:
        path.rename(aside / path.name)
