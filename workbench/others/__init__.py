"""Others on this machine: who they are, what they take, and whether a load fits beside them. No torch."""

from workbench.others.load import Load, check_load, describable, load_of, make_room
from workbench.others.sharing import seen, sharing

__all__ = ["Load", "check_load", "describable", "load_of", "make_room", "seen", "sharing"]
