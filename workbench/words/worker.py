"""What is said about the process that holds the model."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "worker.died": (
        "The process that held the model ended while {doing} ({how}).",
        "{last_words}",
        "The model is brought back on the last good config. {advice}",
    ),
    "worker.died_opening": (
        "The process that was to hold the model ended while {doing} ({how}).",
        "{last_words}",
        "{advice}",
    ),
    "worker.open_again": "Open the session again.",
    "worker.not_back": (
        "The model could not be brought back: {problem}",
        "",
        "Open a new session with a smaller model or dtype='bfloat16'.",
    ),
    "worker.no_start": (
        "The worker process did not start ({how}).",
        "{last_words}",
        "Run: workbench doctor",
    ),
    "worker.poisoned": (
        "CUDA failed while {doing}: {problem}",
        "After such an error every later call in the same process fails, so the process was ended.",
        "The model is brought back on the last good config. To see the failing kernel, set CUDA_LAUNCH_BLOCKING=1 before the session.",
    ),
    "worker.failed": (
        "{kind} while {doing}: {problem}",
        "This is a fault in the workbench or a library below it.",
        "The session is ready for the next call. Details are in the error's .detail.",
    ),
    "worker.unknown_op": (
        "The worker has no operation {op!r}.",
        "Session and worker are of different versions.",
        "Restart the notebook's kernel.",
    ),
    "worker.run_again": "Run the last step again.",
    "worker.if_memory": "If memory ran out, the same work ends so again. {advice}",
    "worker.residue": "{left} of the old model stayed after it was dropped; the process was replaced",
    "worker.doing_idle": "idle",
    "worker.killed_by_kernel": "killed by signal {signal}: by hand, or by the kernel because memory ran out",
    "worker.signal": "signal {signal}",
    "worker.exit_code": "exit code {code}",
    "worker.no_words": "It said nothing before.",
    "worker.said": "It last said: {line}",
}
