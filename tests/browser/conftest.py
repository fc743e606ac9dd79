"""A JupyterLab for all browser tests, a Chromium, and a fresh page with what it said for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.lab import CHROMIUM_ARGUMENTS, SCREENSHOTS, Lab, Notebook, chromium

WIDTH, HEIGHT = 1440, 1100


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, demo_models: Path) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    home.mkdir()
    (home / "models").symlink_to(demo_models, target_is_directory=True)
    server = Lab(folder, {"WORKBENCH_HOME": str(home), "HF_HUB_OFFLINE": "1"}).wait()
    yield server
    server.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # headless is said in the arguments: playwright's own flag would ask for its own build
        running = playwright.chromium.launch(
            executable_path=chromium(), args=CHROMIUM_ARGUMENTS, headless=True, timeout=60_000
        )
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    made = context.new_page()
    made.set_default_timeout(30_000)
    failed_before = request.session.testsfailed
    yield made
    if request.session.testsfailed > failed_before:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        made.screenshot(path=SCREENSHOTS / f"failed-{request.node.name}.png")
    context.close()


@pytest.fixture
def notebook(lab: Lab, page: Page) -> Iterator[Notebook]:
    """Closed without a word to the console and without a request to any other machine, or the test fails."""
    opened = Notebook(lab, page)
    yield opened
    opened.shut_down()
    assert not opened.errors
    assert not opened.foreign_requests
