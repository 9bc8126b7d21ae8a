#!/bin/sh
# Usage: bench_gpu.sh FOLDER [OPTION …], where FOLDER has the programs that make bench-gpu builds. Tests the kernels on a GPU, then counts
# and measures (benchgpu -help lists the options); writes FOLDER/gpu.json. It needs a driver with OpenGL 4.3 and nothing else; with
# -count, no driver. A model, FOLDER/model.gguf, is measured, too. Where the library is missing that finds drivers (libglvnd), that of FOLDER/lib is used, and
# where NVIDIA's driver is not registered with it, it is named.
set -u
folder=$1
shift
number=0 count= previous=
for option; do
	[ "$previous" = -number ] && number=$option
	[ "$option" = -count ] && count=yes
	previous=$option
done
"$folder/benchgpu" -help >/dev/null 2>&1
if [ $? -eq 127 ]; then
	LD_LIBRARY_PATH=$folder/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	export LD_LIBRARY_PATH
fi
if ldconfig -p 2>/dev/null | grep -q libEGL_nvidia.so.0 && ! grep -qs nvidia /usr/share/glvnd/egl_vendor.d/* /etc/glvnd/egl_vendor.d/*; then
	echo '{"file_format_version": "1.0.0", "ICD": {"library_path": "libEGL_nvidia.so.0"}}' >"$folder/nvidia.json"
	__EGL_VENDOR_LIBRARY_FILENAMES=$folder/nvidia.json
	export __EGL_VENDOR_LIBRARY_FILENAMES
fi
if [ -n "$count" ]; then
	"$folder/benchgpu" "$@"
	exit
fi
status=0
SOBERANO_TEST_GPU=$number "$folder/gl.test" -test.run 'TestDevice|TestCheck|TestSmallBlocks|TestRotateAndStore|Variants' -test.timeout 5m >"$folder/tests.txt" 2>&1 || status=1
tail -n 1 "$folder/tests.txt"
[ -e "$folder/model.gguf" ] && set -- "$@" -real "$folder/model.gguf"
"$folder/benchgpu" -programs "$folder/programs" "$@" >"$folder/gpu.json" || status=1
cat "$folder/gpu.json"
exit $status
