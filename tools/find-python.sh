#!/bin/sh
# Prints a Python that can run the workbench (3.11–3.13, able to make virtual environments); else one line on what to do.
# PYTHON=/path/to/python names one yourself.
fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
too_bare=
for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
  found=$(command -v "$name" 2>/dev/null) || continue
  "$found" -c "$fits" >/dev/null 2>&1 || continue
  if "$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    echo "$found"
    exit 0
  fi
  too_bare=$found
done
if [ -n "$too_bare" ]; then
  what="$too_bare cannot make virtual environments"
  way="install its venv package (Debian, Ubuntu: sudo apt-get install -y python3-venv)"
elif [ -n "$PYTHON" ]; then
  what="The workbench needs Python 3.11, 3.12 or 3.13; $PYTHON is none"
  way="name another"
else
  what="The workbench needs Python 3.11, 3.12 or 3.13 and found none"
  way="install one, or name it, as in: make lab PYTHON=/path/to/python3.12"
fi
echo "$what: $way." >&2
exit 1
