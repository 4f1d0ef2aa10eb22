#!/bin/sh
# Run the tests on a fresh clone: sh tests/run.sh [pytest arguments]
# Makes .venv with what the tests need. PYTHON names another interpreter than /usr/bin/python3.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-/usr/bin/python3}
[ -x "$python" ] || python=python3
if [ ! -x .venv/bin/python ]; then
    "$python" -m venv .venv
fi
stamp=.venv/installed
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
    touch "$stamp"
fi
[ $# -gt 0 ] || set -- -n auto
exec .venv/bin/python -m pytest "$@"
