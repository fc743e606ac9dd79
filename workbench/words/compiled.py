"""What compiling is called while it lasts, what it cost, and why it may fail."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "phase.compiling": "compiling the decode step; the first time this takes up to minutes",
    "compile.failed": (
        "The decode step cannot be compiled (compile={mode!r}): {problem}",
        "torch.compile needs a compiler at run time: a C++ compiler on a CPU, Triton on a GPU; and the model must be code "
        "that it can trace.",
        "Set compile='off', or install one (Debian, Ubuntu: apt install g++; Windows: the C++ build tools) and run: "
        "workbench doctor",
    ),
    "compile.never_ends": (
        "The decode step was compiled more than {limit} times: {problem}",
        "Something in it changes from step to step, so that compiled code never fits the next one.",
        "Set compile='off' for this model, and report its name with this message.",
    ),
    "flag.compiled": "compiling the decode step took {seconds} s, for a cache of {tokens} tokens",
    "flag.compile_pays": "compiling has paid for itself after {tokens} new tokens",
    "flag.recompiled": "{times} graphs were compiled again after the first step: the numbers contain compile time",
    "flag.graph_skips": "{skips} compiled graphs ran without CUDA graphs, which this mode asks for: torch skipped recording them",
    "flag.graph_breaks": "the compiled step falls back to Python in {breaks} places",
    "flag.compile_no_gain": "a compiled step was no faster than an uncompiled one: compiling never pays here",
}
