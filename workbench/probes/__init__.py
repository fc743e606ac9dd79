"""One file per question that is asked of the resident model.

A probe is `run(bench, params, context) -> Result`, addressed by its file's name over the wire.
"""
