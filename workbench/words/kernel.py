"""Words of `workbench kernel`."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "kernel.install_help": "make this environment a kernel; one of the same name is replaced when it is the workbench's",
    "kernel.remove_help": "remove the kernel again; environment, models and runs stay",
    "kernel.name_help": "the kernel's name for programs (default: {name})",
    "kernel.display_name_help": "the kernel's name for people",
    "kernel.user_help": "for you alone (default)",
    "kernel.prefix_help": "for everybody: FOLDER/share/jupyter/kernels, such as /usr/local or JupyterHub's environment",
    "kernel.sys_prefix_help": "into this Python's own environment",
    "kernel.env_help": "a variable for the kernel, as often as needed; {variable} and the like are filled in by Jupyter for whoever starts it",
    "kernel.installed": "Kernel “{display_name}” is in {folder}",
    "kernel.only_you": "It is for you alone; for everybody, run it as administrator with --prefix /usr/local.",
    "kernel.homes": "Runs, converted models and settings stay in each person's own home directory (WORKBENCH_HOME names another).",
    "kernel.not_on_path": "Your own Jupyter does not look there; the one that does starts with that prefix, or has it in JUPYTER_PATH.",
    "kernel.closed": "Other accounts may not enter {folder}, through which this environment is reached: open it (chmod o+rx), or install the workbench elsewhere.",
    "kernel.removed": "Removed {folder}",
    "kernel.bad_name": ("{name} cannot be a kernel's name.", "Names have ASCII letters, digits and - . _ only.", ""),
    "kernel.not_a_pair": ("{word} is not NAME=VALUE.", "", "Write --env NAME=VALUE."),
    "kernel.shared_home": (
        "WORKBENCH_HOME={home} would be one home for everybody.",
        "A home holds one person's runs and engines, and belongs to one account.",
        "Leave it out, or write --env 'WORKBENCH_HOME={home}/{variable}'. For models that many read, set WORKBENCH_SHARED_MODELS instead.",
    ),
    "kernel.not_ours": (
        "The kernel {name} in {folder} is not the workbench's.",
        "It carries no mark of ours, so it is neither replaced nor removed.",
        "Choose another name with --name.",
    ),
    "kernel.none": (
        "There is no kernel {name} in {folder}.",
        "",
        "Name it with --name, and its place with --user, --prefix or --sys-prefix.",
    ),
    "kernel.not_writable": (
        "{folder} cannot be written.",
        "{problem}",
        "Run it as administrator, or with --user for you alone.",
    ),
}
