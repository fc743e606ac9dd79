"""What is said of speculation: drafts, what is kept of them, and what that gains."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "capability.stateful": "{architecture} keeps a state that cannot be taken back when a draft is refused",
    "capability.speculation_off": "choose speculation=off",
    "capability.no_early_exit": "the model has {layers} layers: after {asked} nothing is left to check drafts with",
    "capability.exit_before": "choose a layer up to {last}",
    "config.speculation_beside": (
        "Speculation cannot stand beside {knob}={value!r}.",
        "Drafts that are refused are cut off the cache again; transformers does that with its dynamic cache and its own "
        "loop only.",
        "Set {knob}={needed!r}, or speculation='off'.",
    ),
    "config.speculation_stops": (
        "Speculation cannot stand beside {knob}={value!r}.",
        "A step brings several tokens at once, and a stop in their middle would be run past.",
        "Leave {knob} at its default, or set speculation='off'.",
    ),
    "config.no_assistant": (
        "speculation='assistant' names no assistant.",
        "A smaller model with the same tokenizer has to draft.",
        "Name one that is on this machine: assistant_model='…'.",
    ),
    "probe.speculation_rows": (
        "Speculation decodes one row; this batch has {rows}.",
        "transformers refuses assisted decoding of batches: rows would keep different numbers of drafts.",
        "Set batch_size=1, or speculation='off'.",
    ),
    "speculation.not_here": (
        "The assistant {name!r} is not on this machine.",
        "{problem}",
        "Get it first: workbench download {name}",
    ),
    "speculation.other_words": (
        "The assistant {name!r} speaks other tokens than {model}.",
        "Both have {size} token ids, but not the same ones; transformers translates only between different sizes.",
        "Choose an assistant of the same family.",
    ),
    "speculation.sampling_translated": (
        "The assistant {name!r} has another vocabulary than {model}.",
        "Its drafts are translated by way of text; with sampling transformers would change the assistant's own head for "
        "it.",
        "Set do_sample=False, or choose an assistant of the same family.",
    ),
    "phase.assistant": "loading the assistant {name}",
    "progress.assistant": "assistant {name}: {size} in {seconds}",
    "progress.speculation": "{mode} on {task}",
    "speculation.no_modes": (
        "There is nothing to try.",
        "{reason}.",
        "session.speculation(modes=['prompt_lookup'])",
    ),
    "speculation.unknown_mode": ("There is no speculation {mode}.", "Modes: {modes}.", ""),
    "speculation.other_drafter": (
        "transformers drafted by {ran} where {asked} was asked.",
        "The numbers would be of something else.",
        "Report this with the model's name and the version of transformers.",
    ),
    "speculation.unjudged": "not judged yet",
    "speculation.left_out": "{mode} left out: {reason}",
    "speculation.no_assistant_named": "no assistant is named (assistant_model)",
    "speculation.prose": "Write a short story about a lighthouse keeper who finds a letter in a bottle.",
    "speculation.task.copy": "copy",
    "speculation.task.prose": "prose",
    "speculation.task.given": "prompt {number}",
    "speculation.faster": "{mode} on {task}: {ratio} {interval} of the plain decode rate; {kept}, "
    "{per_pass} tokens a pass",
    "speculation.slower": "{mode} on {task}: slower, {ratio} {interval} of the plain decode rate; {kept}, "
    "{per_pass} tokens a pass",
    "speculation.none": "{mode} on {task}: no difference seen, {ratio} {interval} of the plain decode rate; {kept}, "
    "{per_pass} tokens a pass",
    "speculation.shared": "{mode} on {task}: shared, no verdict, {ratio} {interval} of the plain decode rate while other "
    "processes were busy; {kept}, {per_pass} tokens a pass",
    "speculation.passes": "{passes} for {tokens}",
    "speculation.loaded": "the assistant {name} takes {size}, loaded in {seconds}",
    "speculation.same_tokens": "the same {tokens} tokens",
    "speculation.parts": "parts at token {index} of {tokens}, where the margin is {margin} logits",
    "speculation.kept": "{share} of the drafts kept",
    "speculation.nothing_drafted": "nothing to draft from",
    "speculation.head.mode": "speculation",
    "speculation.head.decode": "decode ÷ off",
    "speculation.head.e2e": "time in all ÷ off",
    "speculation.head.acceptance": "kept ÷ drafted",
    "speculation.head.kept": "kept a step",
    "speculation.head.passes": "passes for tokens",
    "speculation.head.tokens": "greedy tokens",
    "speculation.modes_help": "prompt_lookup,early_exit,assistant (default: all that this configuration can do)",
    "speculation.prompt_help": "a prompt to decode from; may be repeated (default: a text to copy, and prose)",
    "chart.speculation.title": "Does drafting pay?",
    "chart.speculation.x": "decode rate ÷ without speculation",
    "chart.speculation.hover": "{mode} on {task}: {ratio} {interval}<br>{kept}<br>"
    "{passes} passes for {tokens} tokens<br>n = {pairs}",
}
