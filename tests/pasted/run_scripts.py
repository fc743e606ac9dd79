"""Runs scripts, as their authors would: `python run_scripts.py SCRIPTS.json` prints what each raised, or null."""

import json
import sys
from pathlib import Path


def main(file: str) -> None:
    raised = []
    for text in json.loads(Path(file).read_text(encoding="utf-8")):
        try:
            exec(compile(text, "<script>", "exec"), {"__name__": "__main__"})
            raised.append(None)
        except Exception as error:  # noqa: BLE001  # whatever the script meets is what is asked for
            raised.append(type(error).__name__)
    print("\n" + json.dumps(raised))


if __name__ == "__main__":
    main(sys.argv[1])
