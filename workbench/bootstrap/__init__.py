"""The road from a fresh clone to a running workbench: `python -m workbench.bootstrap lab`, with or without make.

Runs on a bare Python: the standard library, `workbench.errors` and `workbench.words` are all it imports.
"""
