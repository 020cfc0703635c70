#!/bin/sh
# The machine behind a simulated management board, for ipmi_sim's chassis_control: the file "power" in the directory $1 says 0
# or 1. The file "manner" makes it deaf (takes a command and does nothing) or stubborn (refuses).
dir=$1 op=$2
shift 2
while [ $# -gt 0 ]; do
	case $op.$1 in
	get.power) echo "power:$(cat "$dir/power")" ;;
	set.power)
		case $(cat "$dir/manner" 2>/dev/null) in
		deaf) ;;
		stubborn) exit 1 ;;
		*) echo "$2" >"$dir/power" ;;
		esac
		shift
		;;
	check.power) ;;
	*) exit 1 ;;
	esac
	shift
done
