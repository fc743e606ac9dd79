"""Tips about pad and end tokens, and the tokenizer."""

from workbench.results import Verdict
from workbench.tips.experiments import Limit, Probe
from workbench.tips.tip import Expected, Takes, Tip, Topic

TIPS = (
    Tip(
        id="S0-18",
        topic=Topic.TOKENS,
        statement="DeepSeek's tokenizers have no pad token.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "They have one: 100001 (LLM, V2), 32014 (Coder), 1 (V3, R1), 151643 and 128001 (distilled). What is unset is pad_token_id of config and generation_config.",
            ("facts-models",),
        ),
        experiment=Probe("token_ids"),
        holds_if=(Limit("tokenizer_pad_unset", equals=True),),
        takes=Takes.SECONDS,
        instead="Look at all sources side by side: session.tokens.",
        apply={"pad_token": "auto"},
    ),
    Tip(
        id="S0-19",
        topic=Topic.TOKENS,
        statement="Without a pad token generate takes a batch row by row, with a warning, and throughput collapses.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "Four rows of six new tokens are six forward calls of four rows: the end token is used as pad. What does fail says so: padding in the tokenizer and batches in pipeline raise a ValueError.",
            ("seen-generate", "read-generate", "seen-padding"),
        ),
        experiment=Probe("forward_calls", {"pad_token": "none", "mask": True, "batch_size": 4}),
        holds_if=(Limit("calls_per_token", low=2.0),),
        takes=Takes.SECONDS,
        instead="Set it where it is read: on the tokenizer to pad, on generation_config to be quiet.",
        apply={"pad_token": "auto"},
    ),
    Tip(
        id="S0-20",
        topic=Topic.TOKENS,
        statement="tokenizer.pad_token_id = tokenizer.eos_token_id puts it right.",
        heard=("S0",),
        expected=Expected(
            Verdict.DEPENDS,
            "It reaches the tokenizer and pipeline, not generate. With a mask every row is as alone; without one it cannot be guessed where pad is also end, and padding is attended to.",
            ("readme-llm", "readme-v2", "read-generate"),
        ),
        experiment=Probe("padded_rows", {"pad_token": "eos"}, cells=({"mask": True}, {"mask": False})),
        holds_if=(Limit("same_share", low=1.0),),
        takes=Takes.SECONDS,
        instead="Pass the attention mask; set generation_config.pad_token_id.",
        apply={"pad_token": "eos", "attention_mask": "tokenizer", "padding_side": "left"},
    ),
    Tip(
        id="S0-21",
        topic=Topic.TOKENS,
        statement="DeepSeek's eos_token_id is 32000, not 2 or 0.",
        heard=("S0",),
        expected=Expected(
            Verdict.NOT,
            "For no model: 100001, 32014 and 32021, 1, 151643, 128001. In the tokenizers that were looked up 32000 is ordinary text or a byte.",
            ("facts-models",),
        ),
        experiment=Probe("token_ids", {"id": 32000}),
        holds_if=(Limit("id_is_end", equals=True),),
        takes=Takes.SECONDS,
        instead="Leave the model's own end tokens.",
        apply={"eos_token_ids": "auto"},
    ),
    Tip(
        id="S0-22",
        topic=Topic.TOKENS,
        statement="A wrong eos_token_id can end an answer too early.",
        heard=("S0",),
        expected=Expected(
            Verdict.HOLDS,
            "It ends at an ordinary token and never at the real one, so that answers also run on. It happens: a list of models in use gives the Qwen id for the distilled Llama.",
            ("read-generate", "read-xinference"),
        ),
        experiment=Probe("ends", {"id": "common"}),
        holds_if=(Limit("stops_changed", equals=True),),
        takes=Takes.MINUTE,
        instead="Leave the model's own end tokens; session.tokens counts how answers end.",
        apply={"eos_token_ids": "auto"},
    ),
    Tip(
        id="M-1",
        topic=Topic.TOKENS,
        statement="A tokenizer that loads gives its text back.",
        heard=("none",),
        expected=Expected(
            Verdict.DEPENDS,
            "On version and folder: with some releases of transformers V3's files in a folder of model_type llama lost every space, and every number of quality with it.",
            ("issues-tokenizer",),
        ),
        experiment=Probe("round_trip"),
        holds_if=(Limit("round_trip", equals=True),),
        takes=Takes.SECONDS,
        instead="Have the round trip before any number of quality; the workbench refuses to judge without.",
    ),
)
