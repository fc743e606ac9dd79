"""Words of the GPU check."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "gpu.title": "GPU check · {machine}",
    "gpu.rehearsal": "CPU rehearsal of the GPU check · {machine} · no number here is a GPU's",
    "gpu.section_ok": "done in {seconds}",
    "gpu.section_failed": "**failed** after {seconds}",
    "gpu.skipped": "Left out:",
    "gpu.failed": "**Failed:**",
    "gpu.flex_on_cpu": "compiles for a minute on a CPU, for each model; `make test-slow` does it",
    "gpu.limit_help": "seconds for a section; what it has no time for is named (default: 240)",
    "gpu.no_time": "no time left of the section's {seconds} s",
    "gpu.resume_help": "keep the sections that the report in --out has done on this machine with these versions",
    "gpu.yes": "yes",
    "gpu.no": "no",
    "gpu.running": "gpu-check: {section}",
    "gpu.section_help": "only this section, as often as needed: {sections}",
    "gpu.out_help": "write gpu-check.json and gpu-check.md into this folder, after every section",
    "gpu.allow_cpu_help": "without a GPU, rehearse on the CPU instead of refusing",
    "gpu.model_help": "measure this model (default: random:deepseek-llm-7b-base?layers=8 on a GPU, demo on a CPU)",
    "gpu.budget_help": "seconds for the measurement (default: 60)",
    "gpu.none": (
        "There is no CUDA GPU to check: {reason}.",
        "",
        "Way out: {remedy}. Or rehearse on the CPU: workbench gpu-check --allow-cpu",
    ),
    "gpu.unknown_section": (
        "There is no section {section!r}.",
        "Sections: {sections}.",
        "",
    ),
}
