"""Tips about generating: sampling, length, cutting, reuse."""

from workbench.results import Verdict
from workbench.tips.experiments import Limit, Probe
from workbench.tips.tip import Expected, Takes, Tip, Topic

TIPS = (
    Tip(
        id="S0-23",
        topic=Topic.GENERATION,
        statement="do_sample=False with temperature=0.0 makes some versions pass the KV cache by.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "Each step computes one position, and the answer is that of plain greedy; a log line says that temperature is ignored. Only sampling at 0.0 raises, a ValueError.",
            ("seen-generate",),
        ),
        experiment=Probe("forward_calls", {"batch_size": 4, "arguments": {"do_sample": False, "temperature": 0.0}}),
        holds_if=(Limit("step_tokens", low=2),),
        takes=Takes.SECONDS,
        instead="Pass do_sample=False and no temperature.",
        apply={"do_sample": False},
    ),
    Tip(
        id="S0-24",
        topic=Topic.GENERATION,
        statement="Use temperature=1e-6 in place of greedy everywhere.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "Greedy ignores it. Sampling draws between tokens that tie, and in bfloat16 they do: at 1.7 % of positions of a model of 135 M, where 24 seeds parted 13 to 11. R1 asks for 0.5 to 0.7, against endless repetition.",
            ("seen-ties", "readme-r1"),
        ),
        experiment=Probe("ties", {"temperature": 1e-6, "seeds": 4, "knobs": {"dtype": "bfloat16"}}),
        holds_if=(Limit("same_share", low=1.0),),
        takes=Takes.MINUTE,
        instead="Greedy where it must be the same each time; the model's own temperature else.",
        apply={"do_sample": False},
    ),
    Tip(
        id="M-5",
        topic=Topic.GENERATION,
        statement="generate without arguments takes the likeliest token.",
        heard=("none",),
        expected=Expected(
            Verdict.DEPENDS,
            "The generation_config decides: the distilled Qwen models come with do_sample, 0.6 and 0.95, so that two calls differ and a benchmark measures another thing each time.",
            ("facts-models",),
        ),
        experiment=Probe("token_ids"),
        holds_if=(Limit("samples", equals=False),),
        takes=Takes.SECONDS,
        instead="Say do_sample in each call that is compared.",
        apply={"do_sample": False},
    ),
    Tip(
        id="S1-6",
        topic=Topic.GENERATION,
        statement="Reading a text in windows of 80 % with 20 % overlap saves 35 % of the FLOP.",
        heard=("S1",),
        expected=Expected(
            Verdict.DEPENDS,
            "By arithmetic for the 7B: 13 % more where the text is as long as the window, 1 % less at four times, 21 % less at eight; and the windows do not see each other.",
            ("computed-windows",),
        ),
        experiment=Probe("windows", {"text_tokens": 1024, "size": 0.8, "overlap": 0.2}),
        holds_if=(Limit("time_ratio", high=0.7), Limit("loss_ratio", high=1.01)),
        takes=Takes.MINUTE,
        instead="Read it in one pass where it fits, and keep the prefix.",
    ),
    Tip(
        id="S1-7",
        topic=Topic.GENERATION,
        statement="Cutting the finished answer at a good place makes responses 40 % shorter in time.",
        heard=("S1",),
        expected=Expected(
            Verdict.NOT,
            "When it is cut the time has been spent. The sample also calls a function that is nowhere.",
            ("by-construction",),
        ),
        experiment=Probe("stopping", {"after": 16, "ended": "cut"}),
        holds_if=(Limit("time_ratio", high=0.98),),
        takes=Takes.MINUTE,
        instead="End it while it is made: max_new_tokens, a stop text, or the end of a sentence.",
        apply={"stop_at_sentence": 16},
    ),
    Tip(
        id="S4-16",
        topic=Topic.GENERATION,
        statement="A KV cache that is kept saves computing the same prefix again.",
        heard=("S4",),
        expected=Expected(
            Verdict.HOLDS,
            "past_key_values can be passed in again: what is left is the part of the prompt that is new.",
            ("read-generate",),
        ),
        experiment=Probe("prefix", {"tokens": 1024}),
        holds_if=(Limit("ttft_ratio", high=0.9), Limit("same_tokens", equals=True)),
        takes=Takes.MINUTE,
        instead="Keep the cache of what every prompt begins with: session.save_prefix.",
    ),
    Tip(
        id="S4-18",
        topic=Topic.GENERATION,
        statement="Against unstable output turn temperature and top_p, raise repetition_penalty, use a logits processor.",
        heard=("S4",),
        expected=Expected(
            Verdict.DEPENDS,
            "R1 wants 0.5 to 0.7, best 0.6, and no system prompt; near 0 it is discouraged. A high penalty drives out words that must come again, which names and code are full of.",
            ("readme-r1",),
        ),
        experiment=Probe(
            "sampling",
            {
                "settings": (
                    {"do_sample": True, "temperature": 0.6, "top_p": 0.95},
                    {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.3},
                )
            },
        ),
        holds_if=(Limit("repeats", high=0.0), Limit("loss", high=0.1)),
        takes=Takes.MINUTES,
        instead="Begin with the settings that the model's card names.",
        apply={"do_sample": True, "temperature": 0.6, "top_p": 0.95},
    ),
)
