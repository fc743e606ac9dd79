"""Where the workbench keeps what outlives a session: `WORKBENCH_HOME`, by default the platform's data folder.

runs.sqlite3  every measurement · artifacts/ traces, logits, reports · models/ converted models · engines/ live engines
peers/ environments of other engines, for tips
"""

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The home directory; not created by asking."""
    named = os.environ.get("WORKBENCH_HOME")
    return (
        Path(named).expanduser() if named else Path(platformdirs.user_data_dir("deepseek-workbench", appauthor=False))
    )


def room(name: str) -> Path:
    """A folder of the home directory, created when missing. OSError when the disk refuses."""
    path = home() / name
    path.mkdir(parents=True, exist_ok=True)
    return path
