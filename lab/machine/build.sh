#!/bin/sh
# Fetches what virtual machines boot: Debian's kernel, the few modules of it that are wanted, busybox, and an empty disk. It prints
# their directory. It is done once: a stamp says from which packages; another stamp, or none, means do it again.
# LOCUM_LAB_CACHE names the cache (default /var/cache/locum-lab). Needs Debian, and root only to install what is missing.
set -eu

recipe="3 i6300esb softdog virtio ext4 vlan bond nfs busybox"
modules="watchdog i6300esb softdog virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_net net_failover
failover virtio_blk virtio_console ext4 jbd2 mbcache crc16 crc32c_generic libcrc32c 8021q garp mrp stp llc bonding tls
nfs nfsv3 nfs_acl lockd grace sunrpc netfs fscache"

cache=${LOCUM_LAB_CACHE:-/var/cache/locum-lab}
dir=$cache/machine

mkdir -p "$cache"
# Two test runs may ask at the same time; the second waits and finds the work done.
exec 9>"$cache/machine.lock"
flock 9

need() { # program, Debian package
	PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null && return
	if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
		echo "build.sh: $1 is missing: install $2 (as root, with apt-get)" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >&2
	apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}
need qemu-system-x86_64 qemu-system-x86
need mkfs.ext4 e2fsprogs

if [ "$(cat "$dir.stamp" 2>/dev/null || true)" = "$recipe" ] && [ -f "$dir/vmlinuz" ]; then
	echo "$dir"
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "build.sh: there is no apt-get to fetch Debian's kernel with" >&2
	exit 1
fi

rm -rf "$dir.stamp" "$dir" "$dir.new"
trap 'rm -rf "$dir.new"' EXIT INT TERM
mkdir -p "$dir.new/modules" "$dir.new/tree"
kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$kernel" ] || { echo "build.sh: apt knows no linux-image-amd64: run apt-get update" >&2; exit 1; }
(cd "$dir.new" && apt-get download -qq -o APT::Sandbox::User=root "$kernel" >&2 && dpkg-deb -x ./*.deb tree)
cp "$dir.new"/tree/boot/vmlinuz-* "$dir.new/vmlinuz"
for m in $modules; do
	# A module that is not there is built in: what needs it in spite of that is told by the machine as it boots.
	find "$dir.new/tree" -name "$m.ko" -exec cp {} "$dir.new/modules/" \;
done
# The programs that a machine has: a true getty is among them.
(cd "$dir.new" && mkdir box && apt-get download -qq -o APT::Sandbox::User=root busybox-static >&2 && dpkg-deb -x busybox-static*.deb box)
find "$dir.new/box" -name busybox -type f -exec cp {} "$dir.new/busybox" \;
rm -rf "$dir.new/box"
truncate -s 16M "$dir.new/state.ext4"
PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F "$dir.new/state.ext4"
rm -rf "$dir.new/tree" "$dir.new"/*.deb

mv "$dir.new" "$dir"
echo "$recipe" >"$dir.stamp"
echo "$dir"
