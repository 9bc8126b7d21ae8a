#!/bin/sh
# Installs the Debian packages that the program needs and, with "test", those that its tests
# need. If it is neither run as root nor able to use sudo, it prints the command to type and
# fails. On a system without dpkg it prints the names of the packages and succeeds.
#   packages.sh [test]
set -eu
need="gcc libc6-dev pkg-config libgl1-mesa-dev libegl-dev libx11-dev libxcursor-dev libxrandr-dev libxinerama-dev libxi-dev libxxf86vm-dev portaudio19-dev python3-venv"
if [ "${1:-}" = test ]; then
	need="$need xvfb xauth xdotool openbox imagemagick xclip xterm x11-utils x11-xkb-utils strace util-linux python3-gi gir1.2-gtk-3.0 pulseaudio pulseaudio-utils libasound2-plugins espeak-ng sox libsox-fmt-base ffmpeg libgl1-mesa-dri procps qemu-user-static binutils-aarch64-linux-gnu"
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "This is not a Debian system: if the build fails, install the equivalents of these Debian packages: $need" >&2
	exit 0
fi
missing=""
for p in $need; do
	dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

line="apt-get install -y --no-install-recommends$missing"
by_hand() {
	echo "Some system packages are missing. As root, type:" >&2
	echo "  apt-get update && $line" >&2
	exit 1
}
if [ "$(id -u)" = 0 ]; then
	sudo=""
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
	sudo=sudo
else
	by_hand
fi
echo "installing$missing" >&2
$sudo apt-get update -q >&2 || by_hand
$sudo env DEBIAN_FRONTEND=noninteractive $line >&2 || by_hand
