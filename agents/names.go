package agents

import (
	"path"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

// kindIface names the D-Bus interface with a unit's ControlGroup, Slice and Result; "" for kinds without processes.
func kindIface(id string) string {
	switch path.Ext(id) {
	case ".service":
		return systemdName + ".Service"
	case ".socket":
		return systemdName + ".Socket"
	case ".mount":
		return systemdName + ".Mount"
	case ".swap":
		return systemdName + ".Swap"
	case ".scope":
		return systemdName + ".Scope"
	}
	return ""
}

// jobNumber is the id at the end of a job's path, 0 if there is none.
func jobNumber(job dbus.ObjectPath) uint32 {
	id, err := strconv.ParseUint(path.Base(string(job)), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(id)
}

// plain turns any text into a word that is safe in a file's, a unit's and a control group's name.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, s)
	return strings.TrimLeft(s[:min(len(s), 120)], ".")
}
