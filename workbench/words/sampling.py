"""What is said of decoding settings: how the next token is picked, and when an answer ends."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    # beside a control, and in results
    "sampling.ignored": "ignored: {settings}, because greedy decoding draws nothing; do_sample=True puts it to work",
    "sampling.cold": "at temperature {temperature:g} the likeliest token is drawn, and where two logits are exactly equal, "
    "as happens in 16 bits, chance picks one: do_sample=False is the same without the chance",
    "sampling.hot": "temperature {temperature:g} gives unlikely tokens much weight: expect text that loses its thread",
    "sampling.tiny_top_p": "top_p={top_p:g} leaves one token at most positions: nearly greedy, and not reproducible like it",
    "sampling.one_token": "top_k=1 leaves only the likeliest token: do_sample=False is the same and faster",
    "sampling.only_likeliest": "min_p={min_p:g} leaves almost only the likeliest token: nearly greedy",
    "sampling.rewards_repetition": "a repetition penalty of {penalty:g}, below 1, rewards repetition: answers loop",
    "sampling.strong_penalty": "a repetition penalty of {penalty:g} also hits words that must recur (names, commas, "
    "brackets), in code above all",
    "sampling.short_ngram": "runs of {size} tokens that may not recur break code (indentation, names), Chinese, whose "
    "characters take several tokens, and lists",
    "sampling.blank_stop": "the stop string {text} is white space alone: many answers hold it early, code in every line",
    "sampling.stop_never_comes": (
        "The stop string {text} can never end an answer.",
        "This tokenizer has no tokens that write it.",
        "Choose text that the model can write, or an end token with eos_token_ids.",
    ),
    "sampling.bad_seed": (
        "{seed} is no seed.",
        "A seed is a whole number from 0 to {largest}.",
        "Leave it out, and the seed that was drawn stands in the result.",
    ),
    # functions of a person's own on the logits
    "processors.not_a_list": (
        "logits_processors={given} is no list of logits processors.",
        "It takes functions of (input_ids [batch, time], logits [batch, vocabulary]), or import paths.",
        "logits_processors=['package.module:factory'], or [function] where host='inline'.",
    ),
    "processors.inline_only": (
        "{name} is a function of this process; the model runs in another.",
        "Functions are not sent between processes.",
        "Give the import path of what makes it, 'package.module:factory', or open the session with host='inline'.",
    ),
    "processors.bad_path": (
        "{path} is no import path of a logits processor.",
        "One looks like 'package.module:factory': a module, a colon, a name in it.",
        "Called without arguments, the factory returns the function.",
    ),
    "processors.no_module": (
        "The logits processor {path} cannot be imported.",
        "{problem}",
        "The module must be installed or on PYTHONPATH where the model runs: a notebook's folder is not.",
    ),
    "processors.no_factory": (
        "{module} has nothing to call by the name {name!r}.",
        "It was asked for by {path}.",
        "Name a function of that module that returns the logits processor.",
    ),
    "processors.factory_failed": (
        "Making the logits processor {path} failed.",
        "{problem}",
        "The factory is called without arguments.",
    ),
    "processors.not_callable": (
        "{path} made a {kind}, which cannot be called.",
        "A logits processor is a function of (input_ids [batch, time], logits [batch, vocabulary]).",
        "Return a function, or a transformers LogitsProcessor.",
    ),
    "processors.failed": (
        "The logits processor {name} failed.",
        "{problem}",
        "It is called at each step with input_ids [batch, time] and logits [batch, vocabulary].",
    ),
    "processors.wrong_shape": (
        "The logits processor {name} returned {returned} instead of {wanted}.",
        "It must return logits of the shape it was given, [batch, vocabulary].",
        "Forbid a token by -inf instead of leaving it out.",
    ),
    "processors.nothing_left": (
        "The logits processor {name} left no token to choose.",
        "A row of logits was −inf throughout, or held NaN.",
        "Leave at least one token above -inf in each row.",
    ),
}
