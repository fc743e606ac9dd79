"""Every measurement ever taken, and the files that belong to them."""

from workbench.runs.artifacts import artifact, write_artifact, writing_artifact
from workbench.runs.store import Runs

__all__ = ["Runs", "artifact", "write_artifact", "writing_artifact"]
