#!/bin/sh
# Runs any Python 3 there is; workbench.bootstrap then looks for one that fits. PYTHON=/path/to/python names one.
for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
  "$name" -c 'import sys; sys.exit(sys.version_info < (3, 6))' >/dev/null 2>&1 && exec "$name" "$@"
done
echo "The workbench needs Python 3.11, 3.12 or 3.13${PYTHON:+; $PYTHON is none}: install one, or name it with PYTHON=/path/to/python3.12." >&2
exit 1
