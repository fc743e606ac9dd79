"""Words of the monitor: where it listens, and why it does not."""

TEMPLATES: dict[str, str | tuple[str, str, str]] = {
    "monitor.bad_address": (
        "{address} is no address.",
        "The monitor listens on an address of this machine, written in numbers.",
        "Leave it out for 127.0.0.1.",
    ),
    "monitor.not_loopback": (
        "The monitor does not listen on {address} unasked.",
        "That address can be reached from other machines, and there is no password.",
        "Keep 127.0.0.1 and reach it by ssh -L; or say yes: allow_remote=True (--allow-remote).",
    ),
    "monitor.bad_port": ("{port} is no port.", "Ports go from 1 to 65535; 0 takes a free one.", ""),
    "monitor.port_taken": (
        "Port {port} on {address} is taken.",
        "Another program, or another monitor, listens there.",
        "Name another port, or 0 for a free one.",
    ),
    "monitor.cannot_listen": (
        "The monitor cannot listen on {address}, port {port}.",
        "{problem}",
        "Choose another port or address.",
    ),
    "monitor.unknown_threshold": ("There is no threshold {name}.", "There are: {known}.", ""),
    "monitor.bad_threshold": (
        "{name}={value} is no threshold.",
        "It is the {what}: a number from 0, a share up to 1.",
        "",
    ),
    "monitor.foreign_host": "Ask for this monitor as 127.0.0.1 or localhost.",
    "monitor.only": "The metrics are at {path}.",
    "monitor.listens": "Metrics are at {url}",
    "monitor.how_to_end": "Ctrl-C ends it.",
    "monitor.wrote": "Wrote {path}",
    "monitor.port_help": "port (default: {port}; 0: a free one)",
    "monitor.address_help": "address of this machine to listen on (default: 127.0.0.1)",
    "monitor.allow_remote_help": "yes, listen on an address that others can reach: there is no password",
    "monitor.device_only_help": "open no model: watch CPU, memory and GPUs alone",
    "monitor.rules_help": "write the alert and recording rules there, with the thresholds given, and end",
    "monitor.dashboard_help": "write the Grafana dashboard there, and end",
    "monitor.scrape_help": "write a prometheus.yml that scrapes this address and port there, and end",
    "monitor.threshold_help": "alert threshold: {what} (default: {default})",
    "monitor.cannot_write": ("{path} cannot be written.", "{problem}", "Name a file in a folder that exists."),
}
