"""workbench monitor: metrics for Prometheus while it runs, or the ready files for Prometheus and Grafana."""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from workbench.cli.shared import add_bench, config_of, opened
from workbench.errors import WorkbenchError
from workbench.monitor import PORT, THRESHOLDS, Monitor, dashboard, rules, scrape_config
from workbench.results import document
from workbench.words import text

HELP = "Serve metrics of a model and its device to Prometheus, or write alert rules and a Grafana dashboard."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_bench(parser)
    parser.add_argument("--device-only", action="store_true", help=text("monitor.device_only_help"))
    parser.add_argument("--port", type=int, default=PORT, help=text("monitor.port_help", port=PORT))
    parser.add_argument("--address", default="127.0.0.1", help=text("monitor.address_help"))
    parser.add_argument("--allow-remote", action="store_true", help=text("monitor.allow_remote_help"))
    parser.add_argument("--rules", type=Path, metavar="FILE", help=text("monitor.rules_help"))
    parser.add_argument("--dashboard", type=Path, metavar="FILE", help=text("monitor.dashboard_help"))
    parser.add_argument("--scrape-config", type=Path, metavar="FILE", help=text("monitor.scrape_help"))
    for each in THRESHOLDS.values():
        help_text = text("monitor.threshold_help", what=each.help, default=f"{each.default:g}")
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=float, metavar="X", help=help_text)


def run(args: argparse.Namespace) -> int:
    """Ends with Ctrl-C or SIGTERM, status 0; with the files, where they were asked for."""
    given = {name: getattr(args, name) for name in THRESHOLDS if getattr(args, name) is not None}
    ready = rules(given)  # a wrong threshold is told, whatever else is asked for
    files = {
        "rules": (args.rules, ready),
        "dashboard": (args.dashboard, dashboard()),
        "scrape_config": (args.scrape_config, scrape_config(f"{args.address}:{args.port}")),
    }
    wanted = {name: (path, content) for name, (path, content) in files.items() if path is not None}
    if wanted:
        return _write(args, wanted)
    where: dict[str, Any] = {"port": args.port, "address": args.address, "allow_remote": args.allow_remote}
    if args.device_only:
        with Monitor(None, **where) as monitor:
            _serve(args, monitor, None)
    else:
        with opened(args, config_of(args)) as session:
            _serve(args, session.monitor(**where), session.facts.name)
    return 0


def _write(args: argparse.Namespace, wanted: dict[str, tuple[Path, str]]) -> int:
    for path, content in wanted.values():
        try:
            path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise WorkbenchError(
                "monitor.cannot_write", path=str(path), problem=error.strerror or type(error).__name__
            ) from None
    if args.json:
        print(json.dumps(document("monitor-files", result={name: path.name for name, (path, _) in wanted.items()})))
    else:
        print("\n".join(text("monitor.wrote", path=path) for path, _ in wanted.values()))
    return 0


def _serve(args: argparse.Namespace, monitor: Monitor, model: str | None) -> None:
    if args.json:
        found = {"url": monitor.url, "address": monitor.address, "port": monitor.port}
        print(json.dumps(document("monitor", model=model, result=found)), flush=True)
    else:
        print(text("monitor.listens", url=monitor.url), flush=True)
    print(text("monitor.how_to_end"), file=sys.stderr, flush=True)
    _until_told()


def _until_told() -> None:
    """Returns at Ctrl-C or SIGTERM, so that what is open is closed."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        while True:
            time.sleep(0.5)  # on Windows a longer sleep would keep Ctrl-C waiting
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
