#!/bin/sh
# Downloads and builds the programs with which bench.py compares ours, unless they exist, in the
# user's cache:
#
#   peers/llama/    llama-bench, llama-quantize, llama-completion, from llama-cpp-python's source
#   peers/whisper/  whisper-bench, whisper-cli, whisper-quantize, from pywhispercpp's source
#   peers/venv/     faster-whisper, jiwer
#   peers/models/   the files that bench_files.py creates
#
# They are built for the CPU of this machine (GGML_NATIVE). JOBS=1 builds with one compiler
# process at a time. With PEER_LEVEL=avx2 or PEER_LEVEL=avxvnni a second llama-bench is built, in
# peers/llama-avx2/ or peers/llama-avxvnni/, which uses no other instructions than that level's:
# bench.py --level compares our kernels of the level with it. With PEER_SERVER=1 llama-server is
# built in peers/llama-server/, for bench_serve.py.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=${XDG_CACHE_HOME:-$HOME/.cache}/soberano/peers
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
python=$home/venv/bin/python

say() { echo "peers: $*" >&2; }
for tool in cmake make c++ python3 tar; do
	command -v "$tool" >/dev/null || { say "$tool is needed to build them; install it (Debian: cmake make g++ python3-venv)"; exit 1; }
done
mkdir -p "$home/models"

if ! "$python" -c "import faster_whisper, jiwer" 2>/dev/null; then
	say "installing faster-whisper"
	rm -rf "$home/venv"
	python3 -m venv "$home/venv"
	"$python" -m pip install --quiet --disable-pip-version-check faster-whisper==1.2.1 jiwer==4.0.0
fi

# there DIR PROGRAM…: succeeds if all of these programs are built.
there() (
	cd "$home/$1" 2>/dev/null || exit 1
	shift
	for p; do [ -x "$p" ] || exit 1; done
)

# sources: downloads both source packages, whose hashes pip checks, and unpacks them.
sources() {
	[ -d "$home/src/pywhispercpp-1.5.1/whisper.cpp" ] && [ -d "$home/src/llama_cpp_python-0.3.36/vendor/llama.cpp" ] && return
	say "fetching sources"
	rm -rf "$home/src" "$home/sdist"
	"$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary llama-cpp-python,pywhispercpp \
		--require-hashes -r "$here/peers.txt" -d "$home/sdist"
	mkdir -p "$home/src"
	for f in "$home"/sdist/*.tar.gz; do tar -xzf "$f" -C "$home/src"; done
	rm -rf "$home/sdist"
}

# build DIR SOURCE OPTIONS PROGRAM…: builds these programs unless they exist.
build() {
	dir=$1 source=$2 options=$3
	shift 3
	there "$dir" "$@" && return
	sources
	say "building $* (this takes some minutes)"
	# shellcheck disable=SC2086
	cmake -S "$home/src/$source" -B "$home/build-$dir" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
		-DGGML_LLAMAFILE=ON $options >"$home/$dir.log" 2>&1 &&
		cmake --build "$home/build-$dir" -j "$jobs" --target "$@" >>"$home/$dir.log" 2>&1 ||
		{ tail -20 "$home/$dir.log" >&2; say "the build failed; its full log is $home/$dir.log"; exit 1; }
	mkdir -p "$home/$dir"
	for p; do cp "$home/build-$dir/bin/$p" "$home/$dir/$p"; done
	rm -rf "$home/build-$dir"
}

llama=llama_cpp_python-0.3.36/vendor/llama.cpp
llama_options="-DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF"
avx2="-DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON"

build llama "$llama" "-DGGML_NATIVE=ON $llama_options" llama-bench llama-quantize llama-completion
case ${PEER_LEVEL:-} in
"") ;;
avx2) build llama-avx2 "$llama" "$avx2 $llama_options" llama-bench ;;
avxvnni) build llama-avxvnni "$llama" "$avx2 -DGGML_AVX_VNNI=ON $llama_options" llama-bench ;;
*) say "PEER_LEVEL is avx2 or avxvnni"; exit 1 ;;
esac
[ -z "${PEER_SERVER:-}" ] || build llama-server "$llama" "-DGGML_NATIVE=ON $llama_options -DLLAMA_BUILD_SERVER=ON" llama-server
build whisper pywhispercpp-1.5.1/whisper.cpp \
	"-DGGML_NATIVE=ON -DWHISPER_BUILD_TESTS=OFF -DWHISPER_BUILD_SERVER=OFF" \
	whisper-bench whisper-cli whisper-quantize
echo "$home"
