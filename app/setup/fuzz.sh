#!/bin/sh
# Runs every fuzz target of the project for the given time each (default 60s), as many at
# the same time as there are cores. The logs are in build/fuzz.
#   fuzz.sh [TIME]
set -eu
time=${1:-60s}
logs=build/fuzz
mkdir -p "$logs"
: >"$logs/targets"
for f in $(grep -rlE '^func Fuzz[A-Za-z0-9_]*\(f \*testing\.F\)' --include='*_test.go' app asr engine kernels models); do
	for t in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(f \*testing\.F\).*/\1/p' "$f"); do
		echo "$t ./$(dirname "$f") $time $logs" >>"$logs/targets"
	done
done
[ -s "$logs/targets" ] || { echo "no fuzz target was found" >&2; exit 1; }

# Go before 1.27 may fail with "context deadline exceeded" when the time is up
# (golang.org/issue/75804). That alone is not a finding: for a finding the log also names the
# input, which is written to testdata.
one='log="$4/$(echo "${2#./}" | tr / -)-$1.log"
if go test -run "^$" -fuzz "^$1\$" -fuzztime "$3" -fuzzminimizetime 20x -parallel 1 "$2" >"$log" 2>&1 ||
	{ grep -qx "    context deadline exceeded" "$log" && ! grep -qE "Failing input|panic|hung" "$log"; }; then
	echo "ok   $1 $2 ($3, $(grep -oE "execs: [0-9]+" "$log" | tail -1))"
else
	echo "FAIL $1 $2"; cat "$log"; exit 1
fi'
xargs -P "$(getconf _NPROCESSORS_ONLN)" -L 1 sh -c "$one" fuzz <"$logs/targets"
