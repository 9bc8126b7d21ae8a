#!/bin/sh
# Runs govulncheck to find known vulnerabilities in the code that the program is linked with. If the database can't be
# reached, a message says so and the script succeeds. GOVULNDB names another database (file:///… for a folder).
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
	echo "SKIPPED: the search for known vulnerabilities, because its database can't be reached:" >&2
	cat "$said" >&2
	exit 0
fi
cat "$said" >&2
exit "$code"
