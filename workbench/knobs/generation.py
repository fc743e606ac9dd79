"""The arguments of `generate` that a set of knob values stands for.

The engine calls this and the exported snippet prints it, so that the code a person takes home generates as the
session did.
"""

from collections.abc import Mapping
from typing import Any

STATIC = ("static", "offloaded_static")  # kinds of cache whose length is fixed beforehand


def generation_arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments for `model.generate`, from the value of each knob (a Config will do).

    Greedy passes no sampling argument; sampling passes every one, and the cache is always named, so that none of these
    is left to the checkpoint's generation_config. Lengths, pad and end ids are not here: ids belong on
    `model.generation_config`.
    """
    arguments: dict[str, Any] = {"do_sample": values["do_sample"]}
    if values["do_sample"]:
        arguments |= {name: values[name] for name in ("temperature", "top_p", "top_k")}
    if values["compile"] != "off":
        return arguments  # the compiled loop brings its cache along
    arguments["cache_implementation"] = values["cache"]
    if values["cache"] in STATIC:
        # generate compiles by itself on CUDA once the cache is static; one knob must be one change
        arguments["disable_compile"] = True
        if values["cache_length"] != "auto":
            arguments["max_cache_len"] = values["cache_length"]
    if values["cache"] == "quantized":
        fixed = values["cache_bits"] == "auto" or values["cache_backend"] == "fp8"  # which takes no further word
        bits = {} if fixed else {"nbits": values["cache_bits"]}
        arguments["cache_config"] = {"backend": values["cache_backend"], **bits}
    return arguments
