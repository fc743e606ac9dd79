"""Goes on with a Python that fits: this one, or another that is found. Older Pythons read this file too."""

import os
import subprocess
import sys

from workbench.bootstrap import pythons


def _main() -> int:
    named = os.environ.get("PYTHON")
    if pythons.fits(sys.version_info[:2]):
        from workbench.bootstrap.main import main  # a newer language than the check above may meet

        return main(sys.argv[1:])
    try:
        python = pythons.find(named)
    except pythons.NoPython as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    command = [python, "-m", "workbench.bootstrap", *sys.argv[1:]]
    if os.name == "posix":  # signals then reach the one that works
        os.execv(python, command)
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(_main())
