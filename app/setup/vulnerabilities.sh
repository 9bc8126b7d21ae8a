#!/bin/sh
# Searches the program for known vulnerabilities of what it is linked with, by govulncheck. Where the database can't
# be reached that is said, and is no failure; GOVULNDB names another one (file:///… for a folder).
#   vulnerabilities.sh GOVULNCHECK [PACKAGE…]
set -eu
program=$1
shift
[ $# -gt 0 ] || set -- ./...
said=$(mktemp)
trap 'rm -f "$said"' EXIT
if "$program" ${GOVULNDB:+-db "$GOVULNDB"} "$@" 2>"$said"; then
	cat "$said" >&2
	exit 0
else
	code=$?
fi
if [ "$code" -ne 3 ] && grep -q '^govulncheck: fetching vulnerabilities:' "$said"; then
	echo "SKIPPED: the search for known vulnerabilities was not made, because its database can't be reached:" >&2
	cat "$said" >&2
	exit 0
fi
cat "$said" >&2
exit "$code"
