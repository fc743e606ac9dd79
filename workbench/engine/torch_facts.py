"""What torch and transformers say of themselves: `python -P -m workbench.engine.torch_facts`, for `workbench.machine`.

Prints one JSON document per stage, each holding all that is known so far, so that a stage which crashes (a broken
extension can end the process) costs only what comes after it. The reader takes the last line that parses.
"""

import importlib
import importlib.util
import json
import os
import sys
import warnings
from typing import Any, TextIO

# compiled against one torch: installed is not the same as loadable
_COMPILED = {
    "flash-attn": "flash_attn",
    "flash-attn-3": "flash_attn_interface",
    "flash-attn-4": "flash_attn.cute",
}
# attention packages by the module they bring: transformers asks which distribution brought it
_ATTENTION_MODULES = ("flash_attn", "flash_attn_interface", "fa3_fwd_interface", "vllm_flash_attn")
# what `QuantizedCache` can be made of, by the class that a release of transformers has or lacks
_CACHE_LAYERS = {"quanto": "QuantoQuantizedLayer", "hqq": "HQQQuantizedLayer", "fp8": "Fp8QuantizedLayer"}


def main() -> None:
    out = private_stdout()
    facts = torch_facts()
    _tell(out, facts)
    facts |= transformers_facts()
    _tell(out, facts)
    facts["attention_modules"] = attention_modules()
    facts["import_problems"] = import_problems()
    _tell(out, facts)


def private_stdout() -> TextIO:
    """The real standard output for this program alone: whatever libraries print goes to standard error."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return out


def torch_facts() -> dict[str, Any]:
    import torch

    available, problem = _start_cuda(torch)
    return {
        "version": str(torch.__version__),
        "cuda_runtime": torch.version.cuda,
        "hip_runtime": torch.version.hip,
        "cuda_available": available,
        "cuda_problem": problem,
        "bf16_supported": torch.cuda.is_bf16_supported(including_emulation=False) if available else True,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "architectures": torch.cuda.get_arch_list(),
        "cxx11_abi": bool(torch.compiled_with_cxx11_abi()),
        "cudnn": torch.backends.cudnn.version() if available else None,  # type: ignore[no-untyped-call]
        "gpus": [_gpu(torch, index) for index in range(torch.cuda.device_count())] if available else [],
    }


def _start_cuda(torch: Any) -> tuple[bool, str | None]:
    """(CUDA works, why not). None as the reason where there is nothing to start: a CPU build."""
    if torch.version.cuda is None and torch.version.hip is None:
        return False, None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            torch.cuda.init()
        except (RuntimeError, AssertionError) as error:
            return False, _last_line(str(error))
        available = torch.cuda.is_available()
    return available, None if available else _last_line(" ".join(str(warning.message) for warning in told))


def _gpu(torch: Any, index: int) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(index)
    uuid = getattr(properties, "uuid", None)
    return {
        "index": index,
        "name": properties.name,
        "memory_bytes": properties.total_memory,
        "capability": [properties.major, properties.minor],
        "uuid": None if uuid is None else str(uuid),
    }


def transformers_facts() -> dict[str, Any]:
    import transformers
    from transformers import cache_utils
    from transformers.generation import configuration_utils as generation

    return {
        "transformers": transformers.__version__,
        "attention_implementations": attention_implementations(),
        "cache_implementations": list(getattr(generation, "ALL_CACHE_IMPLEMENTATIONS", ())),
        "cache_backends": [name for name, layer in _CACHE_LAYERS.items() if hasattr(cache_utils, layer)],
        "kernels_window": kernels_window(),
    }


def kernels_window() -> list[str] | None:
    """Versions of the package `kernels` that transformers takes: the oldest, and the first that is too new."""
    from transformers.utils import import_utils

    least = getattr(import_utils, "KERNELS_MIN_VERSION", None)
    below = getattr(import_utils, "KERNELS_MAX_VERSION", None)
    return [least, below] if least and below else None


def attention_implementations() -> list[str]:
    """Names that transformers dispatches attention by, in this process."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    return ["eager", *sorted(ALL_ATTENTION_FUNCTIONS.valid_keys())]


def attention_modules() -> dict[str, list[str]]:
    """Module -> the distributions that brought it, as `transformers.utils.import_utils` looks them up."""
    from importlib import metadata

    found = [name for name in _ATTENTION_MODULES if importlib.util.find_spec(name) is not None]
    owners = metadata.packages_distributions() if found else {}
    return {name: sorted({owner.replace("_", "-") for owner in owners.get(name, ())}) for name in found}


def import_problems() -> dict[str, str | None]:
    """Installed compiled package -> why it does not import, or None when it does."""
    problems: dict[str, str | None] = {}
    for package, module in _COMPILED.items():
        if not _installed(package):
            continue
        try:
            importlib.import_module(module)
        except (ImportError, OSError, RuntimeError, AttributeError) as error:
            problems[package] = f"{type(error).__name__}: {_last_line(str(error))}"
        else:
            problems[package] = None
    return problems


def _installed(package: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _last_line(text: str) -> str | None:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else None


def _tell(out: TextIO, facts: dict[str, Any]) -> None:
    out.write(json.dumps(facts) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
