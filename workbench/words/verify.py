"""What is said of exported code that was run again."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "verify.unbound": (
        "This snippet knows no session to be compared with.",
        "It was rendered without one, or read back from a file.",
        "Take it from session.export('transformers'), or pass it to session.verify(snippet).",
    ),
    "verify.no_code": (
        "Files for {target} cannot be run here.",
        "Only the target transformers is a program for this interpreter.",
        "Check a server that the configuration was handed to with: workbench endpoint URL",
    ),
    "verify.no_room": (
        "The snippet's model does not fit beside the session's: it needs {needed}, and {free} are free.",
        "This session's engine lives in the notebook's own process and cannot step aside.",
        "Open the session with host='process': its engine then makes room and comes back.",
    ),
    "verify.hangs": "the snippet's process gave no answer ({doing}) within {seconds} s and was ended",
    "verify.died": "the snippet's process ended ({doing}) with status {status}: {last}",
    "verify.raised": "the snippet raised ({doing}): {problem}",
    "verify.differs": "{what}: {session} in the session, {snippet} in the snippet's process",
    "verify.imported": "the workbench could be imported in the snippet's process",
    "verify.tokens": "token ids: they part at new token {token} of {prompt!r}",
    "verify.sampled": "the configuration samples; tokens were compared without sampling",
    "verify.estimate": "both models do not fit into memory at once: they ran one after the other, so that the speed is an "
    "estimate without an interval",
    "verify.ok": "verified: {tokens} greedy tokens of {prompts} prompts are identical; decode {ratio}× the session's speed "
    "{interval}",
    "verify.ok_open": "verified: {tokens} greedy tokens of {prompts} prompts are identical; decode {ratio}× the session's "
    "speed {interval}, which is not known to ±{percent} % yet",
    "verify.unknown": "not verified yet: {tokens} greedy tokens of {prompts} prompts are identical, but decode is known only "
    "to {interval} of the session's speed; a larger budget_s on a quieter machine narrows it",
    "verify.ok_estimate": "{tokens} greedy tokens of {prompts} prompts are identical; decode about {ratio}× the session's "
    "speed (an estimate)",
    "verify.ok_shared": "verified: {tokens} greedy tokens of {prompts} prompts are identical; shared, no verdict on the speed: "
    "decode {ratio}× the session's {interval} while other processes were busy",
    "verify.slow": "not verified: decode is {ratio}× the session's speed {interval}, more than {percent} % apart",
    "verify.not": "not verified: {problem}",
    "verify.starting": "loading the snippet in a process without the workbench",
    "verify.answering": "the same prompts to the session and to the snippet",
    "verify.releasing": "the session's engine makes room for the snippet's model",
    "verify.help": "run it without the workbench, against a session: the same tokens, the same speed; status 1 if not",
    "verify.head.isolated": "import workbench",
    "verify.fails_there": "fails there, as it must",
    "verify.worked_there": "worked there",
    "verify.head.read_back": "read back",
    "verify.agrees": "as in the session",
    "verify.head.tokens": "greedy tokens, {kind}, batch of {prompts}",
    "verify.chat": "chat",
    "verify.text": "text",
    "verify.same": "{tokens} of {tokens} identical",
    "verify.not_same": "part at new token {token} of {prompt!r}",
    "verify.head.speed": "decode, snippet ÷ session",
    "verify.pairs": "{pairs} pairs, ended by {stopped_by}; {seconds} in all",
    "chart.verify.title": "Does the exported code decode as fast as its session?",
    "chart.verify.x": "pair of runs, in order",
    "chart.verify.y": "decode, snippet ÷ session",
    "chart.verify.empty": "no speed was measured",
    "chart.verify.tolerance": "within ±{percent} %",
    "chart.verify.equal": "equally fast",
    "chart.verify.pairs": "one pair",
    "chart.verify.mean": "mean",
    "chart.verify.mean_interval": "mean of the pairs, bar = 95 %",
}
