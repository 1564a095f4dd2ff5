#!/usr/bin/env bash
# Runs a script with the Python environment of setup.sh, or with the system's python3 if there is none.
python=${POLYQUANT_CACHE:-${HOME:?}/.cache/polyquant}/peers/bin/python
[ -x "$python" ] || python=python3
exec "$python" "$@"
