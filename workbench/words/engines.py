"""What is said about engines that share a machine."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "engines.busy": (
        "{notebook} (process {pid}) has {model} on {device} ({held}).",
        "One engine at a time uses a device, so that memory and timings stay believable.",
        "Take it over: Session(…, when_busy='take'); wait for it: when_busy='wait'; choose another device=…; or load a second one knowingly: when_busy='beside'.",
    ),
    "engines.busy_unnamed": (
        "Another engine is on {device}.",
        "It did not say whose it is.",
        "List them: workbench engines; or open with when_busy='wait' or when_busy='beside'.",
    ),
    "engines.not_given": (
        "{notebook} (process {pid}) cannot give {device} away.",
        "Its model lives in that process itself (host='inline' or attach), or the process cannot be reached.",
        "Close it there: session.close(), or shut its kernel down.",
    ),
    "engines.unknown_when_busy": ("There is no when_busy={given}.", "Allowed: {allowed}.", ""),
    "engines.head.device": "device",
    "engines.head.model": "model",
    "engines.head.size": "weights",
    "engines.head.notebook": "notebook or program",
    "engines.head.process": "process",
    "engines.weights": "{size} of weights",
    "engines.loading": "loading",
    "engines.none": "No engine is alive.",
    "engines.when_busy_help": "when another engine has the device: refuse (default), wait, take it over, or load beside it",
    "engines.waiting": "waiting for {device}: {notebook} has {model} on it",
    "engines.taken_over": "took over the engine of {notebook}: nothing had to be loaded",
    "engines.ended": "{notebook} gave {device} up",
    "engines.handed_over": "handed over to {notebook}; the next action here takes it back",
}
