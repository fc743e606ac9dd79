"""Words of `workbench lab`."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "lab.help": "Open JupyterLab on this machine, at notebook 01.",
    "lab.option_port": "port on 127.0.0.1 (default: the first free one from {first})",
    "lab.option_no_browser": "do not open a browser; the address is printed",
    "lab.option_model": "model on the bench: demo, a hub id, a local directory or random:<slug> (default: WORKBENCH_MODEL, else demo)",
    "lab.option_directory": "folder that JupyterLab shows (default: the one that holds notebooks/)",
    "lab.option_copies": "work in copies of the notebooks in FOLDER, made there where they are not (workbench notebooks puts them back)",
    "lab.option_replay": "show runs that another machine recorded: a file of workbench runs export; nothing is measured",
    "lab.starting": "Starting JupyterLab …",
    "lab.open": "JupyterLab is at {url}",
    "lab.over_ssh": "You are here over SSH. On your own computer, run:\n\n    {command}\n\nand open the address above there (with the name you use for this machine, if it goes by another).",
    "lab.in_container": "This is a container without a screen, and the address is its own: it is reached from outside when the container shares its host's network (--network host).",
    "lab.no_screen": "There is no screen here. From another computer: ssh -L {port}:127.0.0.1:{port} and this machine's name, then open the address there.",
    "lab.how_to_end": "Ctrl-C ends it, with its kernels and models.",
    "lab.ending": "Ending JupyterLab and its kernels …",
    "lab.no_notebook": "No {notebook} in {folder}: JupyterLab opens without it.",
    "lab.missing": (
        "JupyterLab is not installed in this environment.",
        "{python} has no module jupyterlab.",
        "Run: {command}",
    ),
    "lab.port_taken": (
        "Port {port} is taken.",
        "Another program listens on 127.0.0.1:{port}.",
        "Name another with --port, or leave it out to take a free one.",
    ),
    "lab.bad_port": ("{port} is no port.", "Ports go from 1 to 65535.", "Name one of them, or leave --port out."),
    "lab.no_directory": ("{folder} is not a folder.", "", "Name one that exists with --directory."),
    "lab.ended_early": (
        "JupyterLab ended before it was ready (status {status}).",
        "",
        "Its log is above. To see more: {command}",
    ),
    "lab.not_ready": (
        "JupyterLab was not ready after {seconds} s.",
        "It was ended again.",
        "Its log is above. To see more: {command}",
    ),
}
