"""The engine: the only room, with the probes, that imports torch."""

from workbench.engine.quiet import drop_noise

drop_noise()  # before transformers brings torchao in
