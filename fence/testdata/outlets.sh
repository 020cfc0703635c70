#!/bin/sh
# The outlets of a switch, for snmpd's pass_persist (snmpd.conf(5)). Each object's value is a file in the directory $1, named
# by its number. The file "manner" makes it deaf (takes a command and does nothing), stubborn (refuses) or mute (says nothing).
cd "$1" || exit 1
while read -r what; do
	manner=$(cat manner 2>/dev/null)
	case $what in
	PING) echo PONG ;;
	get | getnext)
		read -r oid
		if [ "$what" = get ] && [ -f "$oid" ]; then
			while [ "$(cat manner 2>/dev/null)" = mute ]; do sleep 0.05; done
			printf '%s\ninteger\n%s\n' "$oid" "$(cat "$oid")"
		else
			echo NONE
		fi
		;;
	set)
		read -r oid
		read -r _ value
		if [ ! -f "$oid" ] || [ "$manner" = stubborn ]; then
			echo not-writable
			continue
		fi
		if [ "$manner" != deaf ]; then
			echo "$value" >"$oid"
			n=${oid##*.}
			case $oid in
			*.318.1.1.12.3.3.1.1.4.*) echo "$value" >".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.$n" ;;
			*.318.1.1.26.9.2.4.1.5.*) echo $((3 - value)) >".1.3.6.1.4.1.318.1.1.26.9.2.3.1.5.$n" ;;
			*.534.6.6.7.6.6.1.3.0.*) echo 0 >".1.3.6.1.4.1.534.6.6.7.6.6.1.2.0.$n" ;;
			*.534.6.6.7.6.6.1.4.0.*) echo 1 >".1.3.6.1.4.1.534.6.6.7.6.6.1.2.0.$n" ;;
			*.13742.6.4.1.2.1.2.1.*) echo $((8 - value)) >".1.3.6.1.4.1.13742.6.4.1.2.1.3.1.$n" ;;
			esac
		fi
		echo DONE
		;;
	esac
done
