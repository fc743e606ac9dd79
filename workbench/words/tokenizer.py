"""What is wrong with a tokenizer, told before the weights are loaded."""

_AGAIN = "Download the tokenizer's files of this model again (hub models: hf download <id> --include '*token*' --force-download), or try another version of transformers."

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "tokenizer.round_trip": (
        "The tokenizer of {name} does not give back {kind}.",
        "{text} went in, {back} came out: no text and no measurement of quality would be right.",
        _AGAIN,
    ),
    "tokenizer.fails": (
        "The tokenizer of {name} fails on {kind}.",
        "{text}: {problem}",
        _AGAIN,
    ),
    "tokenizer.beyond": (
        "The tokenizer of {name} does not belong to this model: {kind} becomes token {token_id}, but the model has rows 0 to {rows} only (the last not included).",
        "The tokenizer knows {length} tokens.",
        _AGAIN,
    ),
    "tokenizer.english": "English text",
    "tokenizer.chinese": "Chinese text",
    "tokenizer.code": "program code",
    "tokenizer.spaces": "runs of spaces",
    "tokenizer.emoji": "emoji and accents",
}
