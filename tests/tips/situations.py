"""Where a tip that asks a model or facts gets the other verdict: other models, worlds, knobs; never other limits.

The scripts among the tips are in `situations_of_scripts`. An entry is about what the report that is kept says: it has a
situation with the opposite verdict, and both where the report has neither "holds" nor "does not hold".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.tips.folders import DENSE


@dataclass(frozen=True)
class Other:
    """The tip's own experiment and limits somewhere else.

    world   of `worlds.WORLDS`, in force meanwhile; "": as it is
    model   a name, or one of `folders.FOLDERS`; "": the tiny dense model of the bench
    params  of a probe, over the tip's own
    fields  of the experiment that are others: cells of a probe, sides and works of a pair
    """

    holds: bool
    world: str = ""
    model: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)


def _fields(holds: bool, world: str = "", **fields: Any) -> Other:
    return Other(holds, world, fields=fields)


def _params(holds: bool, world: str = "", model: str = "", **params: Any) -> Other:
    return Other(holds, world, model, params)


INT8 = {"quantization": "bnb-int8", "dtype": "bfloat16"}
NF4 = {"quantization": "bnb-nf4", "dtype": "bfloat16"}
FLOAT32 = {"quantization": "none", "dtype": "float32"}
_SHORT = ({"prompt_tokens": 16, "new_tokens": 2},)
_MANY = {"batch_size": 8}

SITUATIONS: Mapping[str, tuple[Other, ...]] = {
    # ---- the catalogue
    "S1-4": (_params(True, slugs=("deepseek-v3.2-exp",)),),
    "S3-6": (_params(False, dtype="float32"),),
    "S0-10": (_params(False, gpu="rtx-4060"),),
    "S4-2": (
        _fields(True, cells=({"parameters": 13e9, "gpu": "rtx-4090", "knobs": {"quantization": "bnb-int8"}},)),
        _fields(False, cells=({"parameters": 70e9, "gpu": "rtx-4090", "knobs": {"quantization": "bnb-int8"}},)),
    ),
    # ---- counted on a model
    "S2-7": (Other(True, "other modules"),),
    "S2-15": (Other(True, "other modules"),),
    "S0-19": (Other(True, "row by row"),),
    "S0-23": (_params(True, arguments={"do_sample": False, "temperature": 0.0, "use_cache": False}),),
    "S0-29": (_params(False, "compiles", knobs={"cache": "static"}),),
    "M-3": (Other(False),),
    "S4-17": (_params(True, threaded=True),),
    "S0-24": (_params(True, knobs={"dtype": "float32"}, seeds=1),),
    "S0-20": (_fields(True, cells=({"mask": True},)), _fields(False, cells=({"mask": False},))),
    "S0-22": (_params(False, id="eos"),),
    # ---- timed on a model, with an effect that a busy machine does not hide
    "S0-25": (Other(True, "minds masks"),),
    "S4-16": (_params(False, "slow cache", tokens=64),),
    "S1-7": (_params(True, "full stops", after=4, ended="criterion"),),
    "S1-13": (_params(False, seconds=0.05),),
    "S2-13": (_params(True, "latent", seconds=2.6), _params(False, "latent", seconds=2.6, threshold_s=0.12)),
    "S3-1": (Other(True, "best at five of six"),),
    "S3-3": (Other(True, "threads help"),),
    "S3-12": (
        _params(True, "stumbles", knobs={"attention": "eager"}, seconds=0.8),
        _params(False, "eager stumbles", knobs={"attention": "eager"}, seconds=0.8),
    ),
    "S4-18": (_params(True, settings=({"do_sample": False}, {"do_sample": False, "repetition_penalty": 1.3})),),
    # ---- pairs: one side does eight times the work where a pass takes as long for many rows as for one
    "S0-1": (
        _fields(True, "latent", works=_SHORT, a_work=_MANY),
        _fields(False, "latent", works=_SHORT, b_work=_MANY),
    ),
    "M-6": (
        _fields(True, "latent", a={}, b={"seed": 1}, works=_SHORT),
        _fields(False, "latent", a={}, b={}, works=_SHORT, b_work=_MANY),
    ),
    "S2-18": (_fields(True, "latent", a={}, b={}, works=_SHORT, b_work=_MANY),),
    "S2-17": (_fields(False, "latent", a={}, b={}, works=_SHORT, a_work=_MANY),),
    "S2-4": (
        _fields(
            True,
            "far away",
            works=({"prompt_tokens": 16, "new_tokens": 3},),
            a_work={"batch_size": 5},
            b_work={"batch_size": 7},
        ),
    ),
    "S2-6": (_fields(True, "latent", works=_SHORT, b_work=_MANY),),
    "S3-4": (_fields(True, "latent", works=_SHORT, b_work=_MANY),),
    "S2-9": (_fields(True, "latent", works=_SHORT, b_work=_MANY),),
    "S0-16": (_fields(True, a=INT8, b=NF4), _fields(False, a=NF4, b=INT8)),
    "S0-15": (_fields(False, a=INT8, b=NF4),),
    # ---- quantised
    "S0-12": (_params(True, texts=("code",), others=("english", "chinese")),),
    "S4-5": (_fields(True, cells=({"part": "activations"},)), _fields(False, cells=({"part": "weights"},))),
    "S0-14": (_params(True, model="demo", knobs={**INT8, "skip_modules": ("down_proj",)}, against=INT8),),
    "S1-1": (_params(True, model="demo", knobs=NF4, against=FLOAT32),),
    "S4-1": (_params(True, model="demo", knobs=NF4, against=FLOAT32),),
    # the seed makes these models new ones, whose files no other test reads
    "S0-11": (Other(True, "linear norms", f"{DENSE}&seed=7"),),
    "S4-4": (Other(True, "linear experts", "random:deepseek-v2-lite?scale=tiny&seed=7"),),
    "M-2": (Other(True, "linear experts", "random:deepseek-v3?scale=tiny&seed=7"),),
    # ---- models of other configurations
    "S1-5": (Other(True, model="deaf"),),
    "S1-6": (_params(True, "quadratic", "deaf", text_tokens=512, size=0.1),),
    "S0-18": (Other(True, model="spoilt"),),
    "S0-21": (Other(True, model="spoilt"),),
    "M-5": (Other(False, model="spoilt"),),
    "M-1": (Other(False, model="loses spaces"),),
    "S1-12": (
        _params(
            True,
            model="random:deepseek-r1-distill-qwen-1.5b?scale=tiny",
            changes={"use_sliding_window": True, "sliding_window": 1024},
        ),
    ),
}

# in workers of their own, which start with another environment
IN_WORKERS: Mapping[str, tuple[Other, ...]] = {
    "S4-13": (_params(True, model="wide", held_to="sse4", knobs={"dtype": "float16"}),),
}

# tips whose experiment has but one verdict on any CPU, and why
CONSTANT: Mapping[str, str] = {
    "S2-8": "No model can be both: 9.7 billion parameters are 19 GFLOP per token, and the claim says 850.",
    "S1-11": "Of what the catalogue knows no model of DeepSeek's has a context below 2048.",
}
