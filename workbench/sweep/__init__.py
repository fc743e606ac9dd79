"""Sweeps: which configuration of a space is best for a model on this machine, by races over load groups.

The room is what people call: `workbench.sweep("demo", {"attention": ["eager", "sdpa"]})`, with the arguments of
`running.sweep`; `workbench.sweep.export(found, "transformers")` is its winner as code, and
`workbench.sweep.Ray(num_gpus=1)` a cluster for `host`. A package and a function cannot share one name otherwise.
"""

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from workbench.sweep.running import sweep

        return sweep(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        if name == "export":
            from workbench.sweep.exporting import export

            return export
        if name == "Ray":
            from workbench.sweep.ray_host import Ray

            return Ray
        raise AttributeError(f"module 'workbench.sweep' has no attribute {name!r}")


sys.modules[__name__].__class__ = _Room
