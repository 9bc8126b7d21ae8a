#!/bin/sh
# Installs the Python packages with which app/setup/clients.py uses the local API, in the versions and with the hashes of
# app/setup/clients.txt, into the user's cache. It prints the path of their Python. They are made again when the list changes.
#   clients.sh
set -eu
list=$(cd "$(dirname "$0")" && pwd)/clients.txt
home="${XDG_CACHE_HOME:-$HOME/.cache}/soberano/clients"
if ! cmp -s "$list" "$home/installed.txt"; then
	rm -rf "$home"
	mkdir -p "$home"
	echo "installing the clients that the local API is tried with; the first time takes a minute" >&2
	"${PYTHON:-python3}" -m venv "$home/venv"
	"$home/venv/bin/pip" install -q --disable-pip-version-check --no-compile --only-binary :all: --require-hashes -r "$list" >&2
	cp "$list" "$home/installed.txt"
fi
echo "$home/venv/bin/python"
