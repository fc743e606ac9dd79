"""Words about the run store and its artifacts."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "runs.newer": (
        "The run store {path} was written by a newer workbench.",
        "It has version {found}, this workbench knows up to {known}; the file was not touched.",
        "Update: git pull && make lab; or set WORKBENCH_HOME to another folder.",
    ),
    "runs.damaged": (
        "The run store {path} is damaged.",
        "{problem}. The file is kept as it is.",
        "Move it aside and a new store begins: mv {path} {path}.damaged (sqlite3 {path}.damaged .recover may save its records).",
    ),
    "runs.read_only": (
        "The run store {path} is read-only.",
        "{problem}",
        "Make the file and its folder writable, or set WORKBENCH_HOME to another folder.",
    ),
    "runs.full": (
        "The record could not be stored in {path}: the disk is full.",
        "{problem}; what was stored before is safe.",
        "Free some space, or set WORKBENCH_HOME to a folder on another disk.",
    ),
    "runs.busy": (
        "The run store {path} is held by another process.",
        "It did not let go within 30 s: {problem}",
        "End the process that writes without pause, then try again.",
    ),
    "runs.cannot_open": (
        "The run store {path} cannot be opened.",
        "{problem}",
        "Check the folder, or set WORKBENCH_HOME to another one.",
    ),
    "runs.failed": (
        "The run store {path} failed.",
        "{problem}; what was stored before is safe.",
        "Try again; if it stays so, set WORKBENCH_HOME to a folder on another disk.",
    ),
    "runs.closed": ("The run store {path} is closed.", "", "Open it again: Runs()."),
    "runs.no_such_run": (
        "There is no run {number}.",
        "It was deleted, or it is in another store.",
        "List what there is: Runs().list()",
    ),
    "runs.bad_document": (
        "This is not a record that can be stored.",
        "{problem}",
        "A record is a JSON object with a schema, as workbench.results.document() makes it.",
    ),
    "runs.bad_artifact_name": (
        "{name} cannot name an artifact.",
        "A name is letters, digits, dots, dashes and underscores, without a folder.",
        "For example: trace-12.json.gz",
    ),
    "runs.artifact_failed": (
        "The artifact {name} could not be written.",
        "{problem}",
        "Free some space or check the folder artifacts in WORKBENCH_HOME.",
    ),
}
