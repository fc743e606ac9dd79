"""Configurations that a person saved by name: `configs/NAME.json` in the home directory.

Each file is what `Config.to_json` writes, so that `workbench check FILE` and `Config.from_json` take it as it is.
"""

import contextlib
import os
import re
import tempfile
from pathlib import Path

from workbench.config import Config
from workbench.errors import ConfigError, StoreError
from workbench.home import home, room

FOLDER = "configs"
_NAME = re.compile(r"[^\W_][\w .+-]{0,59}")


def save(name: str, config: Config) -> Path:
    """The file it went to; one of that name is replaced. ConfigError for a name that makes no file, StoreError when the
    disk refuses.
    """
    name = name.strip()
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise ConfigError("saved.bad_name", name=repr(name)[:80])
    try:
        path = room(FOLDER) / f"{name}.json"
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
            file.write(config.to_json() + "\n")
        os.replace(file.name, path)
    except OSError as error:
        raise StoreError("saved.refused", folder=str(home() / FOLDER), problem=str(error)) from error
    return path


def saved() -> dict[str, Config]:
    """Name -> config, by name. A file that this version cannot read is left out: it stays where it is."""
    found: dict[str, Config] = {}
    for path in sorted((home() / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, UnicodeDecodeError, ConfigError):
            found[path.stem] = Config.from_json(path.read_text(encoding="utf-8"))
    return found
