"""What a script makes of a model: in how many bits it loads it, and what it casts it to."""

from workbench.pasted.dtypes import dtype_of
from workbench.pasted.values import Call, Made

BITS = ("load_in_8bit", "load_in_4bit")


def quantised(made: Made | None) -> bool:
    """Whether the script loads this model in 8 or 4 bits."""
    if made is None:
        return False
    given = made.call.given.get("quantization_config")
    return (given is not None and given.value is not None) or any(made.call.value(name) is True for name in BITS)


def eight_bits(made: Made | None) -> bool:
    """Whether the script loads this model in 8 bits by bitsandbytes."""
    given = made.call.given.get("quantization_config") if made else None
    config = given.value if given else None
    asked = config.call.value("load_in_8bit") if isinstance(config, Made) else None
    return asked is True or (made is not None and made.call.value("load_in_8bit") is True)


def cast_of(call: Call) -> str | None:
    """The number format that a method call casts a model to."""
    plain = {"half": "float16", "bfloat16": "bfloat16", "float": "float32"}
    if call.name in plain:
        return plain[call.name]
    if call.name != "to":
        return None
    return next((found for each in (*call.values, call.value("dtype")) if (found := dtype_of(each, bare=False))), None)
