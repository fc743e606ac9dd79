"""Words of configurations to start from, and of those that a person saves."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "preset.default_why": "what transformers does when nothing is asked; device and threads stay",
    "preset.guides_why": "what most guides say together",
    "preset.guides_but": "what most guides say together; not possible here: {left}",
    "preset.fastest_why": "run {run}: decode {decode} at this work",
    "preset.not_measured": "nothing was measured here at this work yet: Measure, or Sweep",
    "preset.smallest_why": "{size} of weights at a KLD of {kld}, the smallest of those judged here with at most {limit}",
    "preset.not_judged": "no other configuration of this model was judged here yet: press Quality",
    "saved.bad_name": (
        "{name} cannot be a configuration's name.",
        "It becomes a file: it begins with a letter or a digit and has at most 60 letters, digits, spaces and . + - _",
        "Choose another name.",
    ),
    "saved.refused": (
        "The configuration could not be saved in {folder}.",
        "{problem}",
        "Make room there, or name another home with WORKBENCH_HOME.",
    ),
}
