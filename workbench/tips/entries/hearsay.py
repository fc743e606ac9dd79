"""Claims that no bench can decide: prices, other people's cases, forecasts, slogans."""

from workbench.results import Verdict
from workbench.tips.experiments import Untestable
from workbench.tips.tip import Expected, Takes, Tip, Topic

_ANECDOTE = "It is a number of somebody's case, whose model, load and machine are not told."
_PRICE = "It is a price, which changes by provider and day."
_MEASURE = "Measure your own work: session.measure."
_COST = "Enter your own price: session.energy tells the cost of a million tokens."


def _claim(id: str, statement: str, reason: str, instead: str, expected: str, *sources: str) -> Tip:  # noqa: A002
    guide = f"S{id[1]}"
    return Tip(
        id=id,
        topic=Topic.HEARSAY,
        statement=statement,
        heard=(guide,),
        expected=Expected(Verdict.CANNOT, expected, sources or ("not-told",)),
        experiment=Untestable(reason),
        instead=instead,
        takes=Takes.NOTHING,
    )


TIPS = (
    _claim("U1-1", "TensorRT makes it 2.3 times as fast.", _ANECDOTE, _MEASURE, "Against what is not said."),
    _claim("U1-2", "TVM at opt_level=3 brings 22 %.", _ANECDOTE, _MEASURE, "Against what is not said; see R-3."),
    _claim(
        "U1-3",
        "A shop went from 320 to 95 ms, from 48 to 22 GB, and gained 2.1 % of accuracy.",
        _ANECDOTE,
        _MEASURE,
        "Several changes at once, and an accuracy of an unknown task.",
    ),
    _claim("U1-4", "The cost fell by 67 %.", _PRICE, _COST, "A cost needs a price, a load and a base line."),
    _claim("U2-1", "A table of cloud prices and latencies.", _PRICE, _COST, "It was out of date when it was printed."),
    _claim("U2-2", "On Lambda it is 17 % more.", _ANECDOTE, _MEASURE, "Against what is not said."),
    _claim(
        "U2-3",
        "All of it together makes it 3–8 times as fast.",
        "A sum of unnamed changes has no experiment of its own.",
        "Change one thing at a time, or have a sweep do it: wb.sweep.",
        "Each part has a tip of its own.",
    ),
    _claim(
        "U2-4",
        "What chips at the edge would do in 2024.",
        "It is a forecast of products.",
        "Ask what runs on the machine at hand: workbench doctor.",
        "Its time has passed.",
    ),
    _claim("U3-1", "A bank went from 3.2 to 1.1 s.", _ANECDOTE, _MEASURE, "Model, length and load are not told."),
    _claim(
        "U3-2",
        "Memory falls by 60–80 %.",
        "What was changed, and against what, is not told.",
        "Count bytes: session.census and session.forecast.",
        "Possible in 4 bits against float32; each format has a tip of its own.",
    ),
    _claim(
        "U3-3",
        "Give work that waits for input and output to the GPU.",
        "It is a slogan, and the wrong way round.",
        "Give the GPU arithmetic, and let the processor wait.",
        "A GPU computes; it does not wait better.",
        "general",
    ),
    _claim(
        "U3-4",
        "nvidia-smi topo -m shows how GPUs are joined.",
        "It describes a tool, and makes no claim of speed.",
        "workbench doctor reads the same where there are several.",
        "So it does, to common knowledge.",
        "general",
    ),
    _claim(
        "U3-5",
        "Gaudi2 has 21 tensor processor cores.",
        "It is a figure of a chip that this bench does not run on.",
        "Read the maker's own page.",
        "It has 24; 21 is a figure of its Ethernet.",
        "docs-gaudi",
    ),
    _claim(
        "U3-6",
        "An MI300 has a bandwidth of 5.3 TB/s.",
        "It is a figure of a chip that this bench does not run on.",
        "Measure the copy bandwidth of the machine at hand: session.ceilings.",
        "Unverified here.",
        "general",
    ),
    _claim(
        "U4-1",
        "ZeRO is for training on several GPUs.",
        "It is about training.",
        "For inference over several GPUs: the knobs tp_plan and device_map.",
        "So it is, to common knowledge.",
        "general",
    ),
    _claim("U4-2", "Spot instances cost 70 % less.", _PRICE, _COST, "By provider, region and hour."),
    _claim(
        "U4-3",
        "Utilisation rises 3–5 times.",
        _ANECDOTE,
        "Look at requests/s at a latency that you name: workbench endpoint.",
        "Of what, and counted how, is not told.",
    ),
    _claim(
        "U4-4",
        "Advice on security and Kubernetes.",
        "It is no claim about speed, memory or quality.",
        "workbench export writes the server's command; the rest is the operator's.",
        "Advice, not a claim.",
    ),
)
