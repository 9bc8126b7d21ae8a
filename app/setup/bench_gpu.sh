#!/bin/sh
# Usage: bench_gpu.sh FOLDER [OPTION …], where FOLDER has the programs that make bench-gpu builds. Tests the kernels on a GPU, then counts
# and measures (benchgpu -help lists the options); writes FOLDER/gpu.json. It needs a driver with OpenGL 4.3 and nothing else; with
# -count, no driver. A model, FOLDER/model.gguf, is measured, too.
set -u
folder=$1
shift
number=0 count= previous=
for option; do
	[ "$previous" = -number ] && number=$option
	[ "$option" = -count ] && count=yes
	previous=$option
done
if [ -n "$count" ]; then
	"$folder/benchgpu" "$@"
	exit
fi
status=0
SOBERANO_TEST_GPU=$number "$folder/gl.test" -test.run 'TestDevice|TestCheck|TestSmallBlocks' -test.timeout 5m >"$folder/tests.txt" 2>&1 || status=1
tail -n 1 "$folder/tests.txt"
[ -e "$folder/model.gguf" ] && set -- "$@" -real "$folder/model.gguf"
"$folder/benchgpu" -programs "$folder/programs" "$@" >"$folder/gpu.json" || status=1
cat "$folder/gpu.json"
exit $status
