"""A pasted script, read: its base line, its marks, and the script with them mended. Needs no torch."""

from workbench.pasted.here import ids_of
from workbench.pasted.marks import RULES
from workbench.pasted.reading import read
from workbench.pasted.result import Mark, Pasted

__all__ = ["RULES", "Mark", "Pasted", "ids_of", "read"]
