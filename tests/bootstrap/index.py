"""A package index with packages of a few bytes, and a checkout that asks for them. pip runs for real."""

import base64
import hashlib
import shutil
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
STALL_WITHIN_S = 60

# A build backend without requirements: pip would otherwise fetch setuptools for a checkout of three lines.
BACKEND = """
import base64, hashlib, pathlib, zipfile
NAME = "tiny_checkout-1.0"
def get_requires_for_build_editable(config_settings=None):
    return []
def build_editable(folder, config_settings=None, metadata_directory=None):
    info = f"{NAME}.dist-info/"
    files = {
        "tiny_checkout.pth": str(pathlib.Path.cwd()),
        info + "METADATA": "Metadata-Version: 2.1\\nName: tiny-checkout\\nVersion: 1.0\\n"
                           "Requires-Dist: torch\\nRequires-Dist: tiny-part\\nProvides-Extra: dev\\n",
        info + "WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = "".join(f"{name},,\\n" for name in [*files, info + "RECORD"])
    with zipfile.ZipFile(pathlib.Path(folder) / f"{NAME}-py3-none-any.whl", "w") as wheel:
        for name, content in {**files, info + "RECORD": record}.items():
            wheel.writestr(name, content)
    return f"{NAME}-py3-none-any.whl"
"""


def wheel(folder: Path, name: str, version: str, payload: int = 0) -> Path:
    """A wheel with one module, and `payload` bytes that do not compress beside it."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{module}.py": f"__version__ = {version!r}\n".encode(),
        f"{module}.bin": hashlib.shake_128(b"x").digest(payload),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}\n")
    made = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in {**files, f"{info}/RECORD": "".join([*lines, f"{info}/RECORD,,\n"]).encode()}.items():
            archive.writestr(path, content)
    return made


def checkout(folder: Path) -> Path:
    """A folder with the real installation in it and two tiny requirements."""
    package = folder / "workbench"
    package.mkdir(parents=True)
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "workbench" / name, package)
    for name in ("words", "bootstrap"):
        shutil.copytree(ROOT / "workbench" / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny-checkout"\nversion = "1.0"\ndependencies = ["torch>=2", "tiny-part>=1"]\n'
        "[project.optional-dependencies]\ndev = []\ndemo = []\n"
    )
    (folder / "constraints.txt").write_text("torch==2.13.0\ntiny-part==1.0\n")
    return folder


class Index:
    """Serves a folder of wheels as PEP 503 says; remembers what was asked, and can stall half-way through a file."""

    def __init__(self, wheels: Path) -> None:
        self.wheels = wheels
        self.asked: list[str] = []
        self.stall_at = ""
        self.stalled = threading.Event()
        self.go_on = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/simple/"

    @property
    def files_asked(self) -> list[str]:
        return [path.rpartition("/")[2] for path in self.asked if path.startswith("/files/")]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append(self.path)
                if self.path.startswith("/simple/"):
                    module = self.path.strip("/").rpartition("/")[2].replace("-", "_")
                    found = sorted(index.wheels.glob(f"{module}-*.whl"))
                    page = "".join(f'<a href="/files/{each.name}">{each.name}</a>' for each in found)
                    self._send(page.encode(), "text/html", 200 if found else 404)
                else:
                    name = self.path.rpartition("/")[2].replace("%2B", "+")
                    self._send((index.wheels / name).read_bytes(), "application/octet-stream", 200, name)

            def _send(self, body: bytes, kind: str, status: int, name: str = "") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if name:  # as PyPI does: pip may keep it
                    self.send_header("Cache-Control", "max-age=3600, public")
                self.end_headers()
                half = len(body) // 2
                if name and name.startswith(index.stall_at or "\0"):
                    self.wfile.write(body[:half])
                    self.wfile.flush()
                    index.stalled.set()
                    index.go_on.wait(STALL_WITHIN_S)
                    return
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                pass

        return Handler
