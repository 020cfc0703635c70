#!/bin/sh
# A whole machine behind a simulated management board, for ipmi_sim's chassis_control: QEMU in the directory $1, which runs nothing but its firmware.
# Its power is cut as a power supply would cut it.
dir=$1 op=$2
shift 2
on() { [ -f "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null; }
while [ $# -gt 0 ]; do
	case $op.$1 in
	get.power) if on; then echo power:1; else echo power:0; fi ;;
	set.power)
		if [ "$2" = 0 ]; then
			on && kill -9 "$(cat "$dir/pid")"
			rm -f "$dir/pid"
		elif ! on; then
			qemu-system-x86_64 -nodefaults -machine pc,accel=tcg -m 32 -display none -S -daemonize -pidfile "$dir/pid" </dev/null >/dev/null 2>&1 || exit 1
		fi
		shift
		;;
	check.power) ;;
	*) exit 1 ;;
	esac
	shift
done
