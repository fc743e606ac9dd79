"""`workbench lab`: JupyterLab on loopback with its token, opened at notebook 01, ended cleanly with Ctrl-C."""

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from workbench.cli.reach import reach
from workbench.errors import WorkbenchError
from workbench.home import room
from workbench.machine import doctor
from workbench.notebooks import copies
from workbench.words import language, text

HELP = text("lab.help")
NOTEBOOK = Path("notebooks") / "01_environment.ipynb"
FIRST_PORT = 8888
PORTS_TRIED = 200
READY_WITHIN_S = 60.0
ENDS_WITHIN_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help=text("lab.option_port", first=FIRST_PORT))
    parser.add_argument("--no-browser", action="store_true", help=text("lab.option_no_browser"))
    parser.add_argument("--model", help=text("lab.option_model"))
    parser.add_argument("--directory", type=Path, help=text("lab.option_directory"))
    parser.add_argument("--copies", type=Path, metavar="FOLDER", help=text("lab.option_copies"))
    parser.add_argument("--replay", type=Path, metavar="FILE", help=text("lab.option_replay"))


def run(args: argparse.Namespace) -> int:
    """Starts JupyterLab and waits for its end. 0: ended on request; a WorkbenchError says why it could not start."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise WorkbenchError("lab.missing", python=sys.executable, command="pip install jupyterlab")
    with tempfile.TemporaryDirectory(prefix="workbench-replay-", ignore_cleanup_errors=True) as scratch:
        folder, first = opened_at(args, Path(scratch))
        return _serve(args, folder, first)


def opened_at(args: argparse.Namespace, scratch: Path) -> tuple[Path, Path]:
    """(folder that JupyterLab shows, the notebook in it that is opened). Copies where they are asked for, and where the
    language is not that of the originals."""
    if args.replay is not None:
        from workbench.replay import replay_notebook  # brings plotly, which the help of all verbs does without

        return scratch, replay_notebook(args.replay, scratch)
    own = args.copies or (room(f"notebooks-{language()}") if language() != "en" and args.directory is None else None)
    if own is not None:
        copies(own / NOTEBOOK.parent)
        return own.resolve(), NOTEBOOK
    return shown_folder(args.directory), NOTEBOOK


def _serve(args: argparse.Namespace, folder: Path, first: Path) -> int:
    port = chosen_port(args.port)
    environment = dict(os.environ)
    if args.model:
        environment["WORKBENCH_MODEL"] = args.model
    from_here = reach(os.environ, port)
    command = jupyter_command(folder, port, browser=from_here.browser and not args.no_browser, first=first)
    # stderr, so that a program that reads stdout gets the address alone
    doctor(measure=True, progress=lambda said: print(said, file=sys.stderr, flush=True))
    print(text("lab.starting"), file=sys.stderr, flush=True)
    if not (folder / first).exists():
        print(text("lab.no_notebook", notebook=first.as_posix(), folder=folder), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="workbench-lab-", ignore_cleanup_errors=True) as scratch:
        # A runtime folder of its own: the file with the address and token is found by asking no other server.
        environment["JUPYTER_RUNTIME_DIR"] = scratch
        environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
            filter(None, (str(_without_news(Path(scratch))), environment.get("JUPYTER_CONFIG_PATH")))
        )
        # A session of its own: Ctrl-C reaches this process alone, which then ends the server without a question.
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
        with _ended_with_us(server):
            print(text("lab.open", url=address(server, Path(scratch), command)), flush=True)
            if from_here.hint:
                print(from_here.hint, file=sys.stderr, flush=True)
            print(text("lab.how_to_end"), file=sys.stderr, flush=True)
            return 1 if server.wait() else 0
    return 0


def _without_news(scratch: Path) -> Path:
    """A configuration folder that leaves JupyterLab's question about news out, beside the person's own settings."""
    page = scratch / "config" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True)
    page.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    return page.parents[1]


def shown_folder(named: Path | None) -> Path:
    """The folder JupyterLab shows: named, else the one with the notebooks (here, or the checkout), else this one."""
    if named is not None:
        if not named.is_dir():
            raise WorkbenchError("lab.no_directory", folder=str(named))
        return named.resolve()
    here, checkout = Path.cwd(), Path(__file__).resolve().parents[2]
    return next((folder for folder in (here, checkout) if (folder / NOTEBOOK).exists()), here)


def chosen_port(asked: int | None) -> int:
    if asked is not None:
        if not 1 <= asked <= 65535:
            raise WorkbenchError("lab.bad_port", port=asked)
        if not _is_free(asked):
            raise WorkbenchError("lab.port_taken", port=asked)
        return asked
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if _is_free(port):
            return port
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":  # as the server does; on Windows the option would let two programs share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def jupyter_command(folder: Path, port: int, browser: bool, first: Path = NOTEBOOK) -> list[str]:
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=None",  # no question about news, no call to the outside
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--Application.log_level=WARN",
    ]
    if (folder / first).exists():
        command.append(f"--LabApp.default_url=/lab/tree/{first.as_posix()}")
    if not browser:
        command.append("--no-browser")
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def address(server: subprocess.Popen[bytes], runtime: Path, command: list[str]) -> str:
    """The address with its token, once the server listens. It writes both into `runtime` itself."""
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        status = server.poll()
        if status is not None:
            raise WorkbenchError("lab.ended_early", status=status, command=" ".join(command))
        for written in runtime.glob("jpserver-*.json"):
            try:
                info = json.loads(written.read_text(encoding="utf-8"))
            except ValueError:  # half written
                continue
            if _listens(int(info["port"])):
                return _url(info, command)
        time.sleep(0.05)
    raise WorkbenchError("lab.not_ready", seconds=round(READY_WITHIN_S), command=" ".join(command))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _url(info: dict[str, str], command: list[str]) -> str:
    told = [part.partition("=/lab")[2] for part in command if part.startswith("--LabApp.default_url=")]
    tree = told[0] if told else ""
    token = f"?token={info['token']}" if info["token"] else ""
    return f"{info['url'].rstrip('/')}/lab{tree}{token}"


@contextlib.contextmanager
def _ended_with_us(server: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ends the server (which ends its kernels) when the block ends, by Ctrl-C, by a signal, or by an error."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    except KeyboardInterrupt:
        print("\n" + text("lab.ending"), file=sys.stderr, flush=True)
    finally:
        _end(server)
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is not None:
        return
    server.terminate()
    try:
        server.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
