"""A JupyterLab for all browser tests, a Chromium, and pages that must stay silent and local."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import CHROMIUM_ARGUMENTS, Lab, chromium
from tests.browser.notebook import Notebook

WIDTH, HEIGHT = 1440, 1100


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, demo_models: Path) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    home.mkdir()
    (home / "models").symlink_to(demo_models, target_is_directory=True)
    shutil.copy(demo_models.parent / "machine.json", home)
    server = Lab(folder, {"WORKBENCH_HOME": str(home), "HF_HUB_OFFLINE": "1"})
    try:
        yield server.wait()
    finally:
        server.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS, timeout=60_000)
        yield running
        running.close()


@pytest.fixture(scope="module")
def notebook(lab: Lab, browser: Browser) -> Iterator[Notebook]:
    """A page for one notebook, shared by the tests of a file: a kernel and a model take longer to start than a test."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    page.set_default_timeout(30_000)
    opened = Notebook(lab, page)
    yield opened
    opened.shut_down()
    context.close()


@pytest.fixture(autouse=True)
def _no_worker_outlives_its_test() -> None:
    """Here a worker lives as long as its notebook; what outlives the server fails when the server is closed."""


@pytest.fixture(autouse=True)
def _silent_and_local(notebook: Notebook, request: pytest.FixtureRequest) -> Iterator[None]:
    """No error in the page's console and no request to another machine, in any test; a picture of what failed."""
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before:
        notebook.picture(f"failed-{request.node.name}")
    errors, foreign = list(notebook.errors), notebook.foreign_requests
    notebook.errors.clear()
    notebook.requests.clear()
    assert not errors
    assert not foreign
