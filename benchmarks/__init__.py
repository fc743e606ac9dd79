"""How fast the workbench itself is, beside the bare libraries. `python -m benchmarks [NAME…] [--out FOLDER]`."""
