"""The engine: the only room, with the probes, that imports torch."""
