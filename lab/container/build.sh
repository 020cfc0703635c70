#!/bin/sh
# Builds the Debian root that tests boot as a container with a systemd of its own, and prints its directory. It is built
# once: a stamp inside the cache says from which release and packages; another stamp, or none, means build again.
# LOCUM_LAB_CACHE names the cache (default /var/cache/locum-lab). Needs root, and Debian for what it installs itself.
set -eu

suite=bookworm
packages=systemd,systemd-sysv,dbus
recipe="1 $suite $packages"

cache=${LOCUM_LAB_CACHE:-/var/cache/locum-lab}
root=$cache/debian-root
stamp=$root.stamp

if [ "$(id -u)" != 0 ]; then
	echo "build.sh: only root can build the container's root: run it as root" >&2
	exit 1
fi

mkdir -p "$cache"
# Two test runs may ask at the same time; the second waits and finds the work done.
exec 9>"$cache/lock"
flock 9

if [ "$(cat "$stamp" 2>/dev/null || true)" = "$recipe" ] && [ -x "$root/lib/systemd/systemd" ]; then
	echo "$root"
	exit 0
fi

need() { # program, Debian package
	command -v "$1" >/dev/null && return
	if ! command -v apt-get >/dev/null; then
		echo "build.sh: $1 is missing, and there is no apt-get to install $2 with" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >&2
	apt-get install -y -qq --no-install-recommends "$2" >&2
}
need mmdebstrap mmdebstrap
need systemd-nspawn systemd-container

rm -f "$stamp"
rm -rf "$root" "$root.new"
trap 'rm -rf "$root.new"' EXIT INT TERM
mmdebstrap --quiet --variant=minbase --include="$packages" \
	--aptopt='Apt::Install-Recommends "false"' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	"$suite" "$root.new" >&2

# Nothing in the container needs a login, the network, or the time of day; without them it boots in two seconds.
for unit in getty.target console-getty.service systemd-networkd.service systemd-resolved.service \
	systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
	ln -sf /dev/null "$root.new/etc/systemd/system/$unit"
done
rm -rf "$root.new/var/cache/apt/archives" "$root.new/var/lib/apt/lists"
: >"$root.new/etc/machine-id" # each boot of it is another machine

mv "$root.new" "$root"
echo "$recipe" >"$stamp"
echo "$root"
