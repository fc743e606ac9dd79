"""What CUDA_VISIBLE_DEVICES leaves of this machine's GPUs, as CUDA reads it: a pure function.

Source: CUDA C++ Programming Guide, "CUDA Environment Variables"; NVIDIA MIG User Guide, "CUDA_VISIBLE_DEVICES".
"""

import re
from dataclasses import dataclass

from workbench.results import Gpu, MigInstance

_INDEX = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Visible:
    """setting   the variable as it is; None: not set, everything is visible
    gpus       those it names, in its order, where they can be told from here
    instance   the MIG instance it names
    unknown    the first entry that names nothing: CUDA ignores it and all that follow
    twice      a GPU it names twice: CUDA then shows none
    """

    setting: str | None = None
    gpus: tuple[Gpu, ...] = ()
    instance: MigInstance | None = None
    unknown: str | None = None
    twice: Gpu | None = None

    @property
    def nothing(self) -> bool:
        """Whether it hides every GPU."""
        return self.setting is not None and not self.gpus


def read_visible(setting: str | None, gpus: tuple[Gpu, ...]) -> Visible:
    """`gpus` of the whole machine, in NVML's order, which is the bus's."""
    if setting is None:
        return Visible(gpus=gpus)
    chosen: list[Gpu] = []
    instance: MigInstance | None = None
    unknown: str | None = None
    for entry in (part.strip() for part in setting.split(",")) if setting.strip() else ():
        gpu, mig = _named(entry, gpus)
        if gpu is None:
            unknown = entry
            break
        if mig is None and gpu in chosen:
            return Visible(setting, twice=gpu)
        if mig is not None and chosen:
            break  # CUDA takes one MIG instance and no more
        chosen.append(gpu)
        if mig is not None:
            instance = mig
            break
    return Visible(setting, tuple(chosen), instance, unknown)


def _named(entry: str, gpus: tuple[Gpu, ...]) -> tuple[Gpu | None, MigInstance | None]:
    """The GPU of an index or a UUID, or the MIG instance with its GPU. A part of a UUID will do if only one fits it."""
    if _INDEX.fullmatch(entry):
        index = int(entry)
        return (gpus[index], None) if 0 <= index < len(gpus) else (None, None)
    wanted = entry.lower()
    if wanted.startswith("mig-"):
        # before driver 470 an instance was named by its GPU's UUID and two numbers: MIG-GPU-8f2a…/1/0
        found = [
            (gpu, mig)
            for gpu in gpus
            for mig in gpu.instances
            if mig.uuid is not None and mig.uuid.lower().startswith(wanted)
        ]
        return found[0] if len(found) == 1 else (None, None)
    if wanted.startswith("gpu-"):
        named = [gpu for gpu in gpus if gpu.uuid is not None and gpu.uuid.lower().startswith(wanted)]
        return (named[0], None) if len(named) == 1 else (None, None)
    return None, None
