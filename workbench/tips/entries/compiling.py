"""Tips about torch.compile and what goes with it."""

from workbench.results import Verdict
from workbench.tips.experiments import Limit, Pair, Probe
from workbench.tips.tip import Expected, Needs, Takes, Tip, Topic

_LONG = {"prompt_tokens": 128, "new_tokens": 64}

TIPS = (
    Tip(
        id="S0-29",
        topic=Topic.COMPILING,
        statement="transformers does not compile unless it is told to.",
        heard=("S0",),
        expected=Expected(
            Verdict.HOLDS,
            "With the cache that it takes by itself it does not. There is an exception: M-4.",
            ("read-generate",),
        ),
        experiment=Probe("compiled_by_itself", {"knobs": {"cache": "dynamic"}, "disable_compile": False}),
        holds_if=(Limit("frames", equals=0),),
        takes=Takes.SECONDS,
        instead="Compile where the same model answers for longer than the compilation takes: S2-17.",
    ),
    Tip(
        id="M-4",
        topic=Topic.COMPILING,
        statement="A static cache is a change of the cache and of nothing else.",
        heard=("none",),
        expected=Expected(
            Verdict.NOT,
            "On CUDA generate compiles by itself as soon as the cache can be compiled, unless layers are kept away or the quantiser forbids it: two changes at once.",
            ("read-generate",),
        ),
        experiment=Probe("compiled_by_itself", {"knobs": {"cache": "static"}, "disable_compile": False}),
        holds_if=(Limit("frames", equals=0),),
        needs=Needs(gpus=1),
        takes=Takes.MINUTE,
        instead="Pass disable_compile=True to tell the two apart, as the knob cache does.",
        apply={"cache": "static"},
    ),
    Tip(
        id="S2-17",
        topic=Topic.COMPILING,
        statement="torch.compile() makes inference faster.",
        heard=("S2",),
        expected=Expected(
            Verdict.DEPENDS,
            "It needs fixed shapes and a static cache, and pays for the compilation first: so it depends on how many tokens follow.",
            ("read-generate", "docs-torch"),
        ),
        experiment=Pair({"compile": "off"}, {"compile": "default"}, works=(_LONG,)),
        holds_if=(Limit("decode_tps", low=1.05),),
        takes=Takes.MINUTES,
        instead="Look at the break-even in tokens beside the gain.",
        apply={"compile": "default"},
    ),
    Tip(
        id="S2-18",
        topic=Topic.COMPILING,
        statement="cuDNN's benchmark, NUM_INTER_THREADS and torch.compile together: from 8.2 to 14.7 tokens/s.",
        heard=("S2",),
        expected=Expected(
            Verdict.DEPENDS,
            "The two numbers cannot be had again, and two of the three switches change nothing (S2-15, S2-16): what there is comes from the third, which is what is measured.",
            ("docs-torch", "seen-torch"),
        ),
        experiment=Pair({"compile": "off"}, {"compile": "default"}, works=(_LONG,)),
        holds_if=(Limit("decode_tps", low=1.79),),
        takes=Takes.MINUTES,
        instead="Change one thing at a time.",
        apply={"compile": "default"},
    ),
)
