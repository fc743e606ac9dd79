"""What a notebook shows of an error of ours: its sentences and the line that asked, and no way through our own code."""

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from workbench.errors import ConfigError

CODE = """
import workbench as wb
wb.Config(attention="fash")
"""


def test_a_cell_shows_the_sentences_and_its_own_line() -> None:
    shell = InteractiveShell.instance()
    try:
        with capture_output() as shown:
            failed = shell.run_cell(CODE)
    finally:
        InteractiveShell.clear_instance()
    assert isinstance(failed.error_in_exec, ConfigError)
    said = shown.stdout
    assert "ConfigError: " in said
    assert "fash" in said
    assert "sdpa" in said, "what is allowed"
    assert 'wb.Config(attention="fash")' in said
    assert "config.py" not in said
    assert len(said.splitlines()) < 12
