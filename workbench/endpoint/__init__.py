"""A server that a configuration was handed to: what it answers, how fast, and whether it is the model of the bench."""

from workbench.endpoint.checking import check

__all__ = ["check"]
