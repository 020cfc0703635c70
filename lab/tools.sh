#!/bin/sh
# Installs what the tests need beside Go. Without root, or elsewhere than on Debian, it says what is missing and goes on:
# the tests that need it then skip and say why.
set -eu
want="iproute2 iputils-ping systemd-container mmdebstrap fence-agents dbus snmpd snmp openipmi ipmitool libvirt-daemon"
missing=""
for p in $want; do
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "not installed:$missing (tests that need them are skipped)" >&2
	exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
