"""What is said of prefixes whose KV cache is kept."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "phase.prefix_loading": "reading and checking a saved prefix",
    "phase.prefix_computing": "computing the prefix",
    "progress.prefix": "prefix {prefix}",
    "progress.prefix_save": "writing the cache of {tokens} tokens, {size}",
    "prefix.cold": "computed anew",
    "prefix.cached": "from the cache",
    "prefix.verdict": "TTFT {cold} → {cached}: {ratio} {interval}. In proportion to the tokens that are left it would be "
    "{proportion}; that is {share} of the saving",
    "prefix.no_difference": "no difference seen: TTFT {cold} and {cached}, {ratio} {interval}; in proportion to the tokens "
    "that are left it would be {proportion}",
    "prefix.shared": "shared, no verdict: TTFT {cold} → {cached}, {ratio} {interval}, while other processes were busy; in "
    "proportion to the tokens that are left it would be {proportion}",
    "prefix.pays": "pays from prompt {prompts}",
    "prefix.never_pays": "no saving was seen",
    "prefix.bad": (
        "{given} is no prefix.",
        "A prefix is a text, or a number of tokens of the built-in text; or a list of them.",
        "For example: session.prefix([128, 512]) or session.prefix('You are …').",
    ),
    "prefix.both": (
        "Both a prefix and a saved one were given.",
        "A saved prefix brings its own tokens.",
        "Leave one of them out.",
    ),
    "prefix.cache": (
        "A prefix cannot be reused with {knob}={value}.",
        "What is copied and continued is transformers' dynamic cache: others are of a fixed length, keep fewer bits, lie "
        "elsewhere, or belong to compiled code.",
        "session.apply({knob}={default})",
    ),
    "prefix.layers": (
        "This model's cache has layers ({kinds}) that do not keep every token.",
        "A window or a state cannot be cut back to a prefix.",
        "Nothing to change: this model has no prefix to reuse in transformers.",
    ),
    "prefix.offloaded": (
        "The weights of {tensor} are not on the device.",
        "A saved cache is tied to all weights, and those kept elsewhere are not read for it.",
        "session.apply(offloaded_layers=0)",
    ),
    "prefix.too_large": (
        "The cache of {tokens} tokens takes {needed}, more than the {most} that may be written.",
        "A KV cache grows with every token.",
        "Shorten the prefix, or raise most_bytes.",
    ),
    "prefix.none": ("There is no saved prefix {name!r}.", "Saved: {known}.", "session.save_prefix(prefix, {name!r})"),
    "prefix.cut_short": (
        "The saved prefix {name!r} has {found} of {expected}.",
        "Its file was cut short.",
        "Save it again.",
    ),
    "prefix.changed": (
        "The saved prefix {name!r} is not what was written.",
        "Its file or its description was changed or is damaged.",
        "Save it again.",
    ),
    "prefix.differs": "{part} was {was}, now {now}",
    "prefix.other_model": (
        "The saved prefix {name!r} does not belong to the model in force: {parts}.",
        "A KV cache is the product of exact weights, tokens and settings.",
        "Go back to those, or save the prefix again.",
    ),
    "prefix.saved": "{name}: {tokens} tokens, {size}, in {seconds}",
    "prefix.head.tokens": "prefix",
    "prefix.head.reused": "reused",
    "prefix.head.computed": "computed",
    "prefix.head.cache": "cache",
    "prefix.head.cold": "TTFT cold",
    "prefix.head.cached": "TTFT cached",
    "prefix.head.ratio": "cached ÷ cold",
    "prefix.head.proportion": "in proportion",
    "prefix.head.pays": "break-even",
    "prefix.head.answers": "answers",
    "prefix.prefix_help": "tokens of the built-in text, parted by commas (default: 128,512,1024 as far as they fit)",
    "prefix.text_help": "a text file whose content is the prefix",
    "prefix.prompt_help": "a text that follows the prefix; may be repeated",
    "prefix.save_help": "keep the prefix's KV cache under this name and end",
    "prefix.saved_help": "the name of a kept cache, instead of a prefix",
    "prefix.most_help": "largest cache to write, in MiB (default: {most})",
    "chart.prefix.title": "Does TTFT fall as the tokens do?",
    "chart.prefix.measured": "measured",
    "chart.prefix.proportion": "in proportion to the tokens left",
    "chart.prefix.x": "tokens of the prefix",
    "chart.prefix.y": "TTFT cached ÷ cold",
    "chart.prefix.hover": "prefix {tokens}: {ratio} {interval}<br>{cold} → {cached}<br>in proportion {proportion}<br>n = {pairs}",
}
