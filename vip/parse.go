package vip

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"locum/config"
)

const (
	defaultRefresh = time.Minute
	minRefresh     = time.Second
	maxRefresh     = time.Hour
	// maxName is IFNAMSIZ less the terminating zero (linux/if.h).
	maxName = 15
)

func parse(args []string, keys map[string]string) (*VIP, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%d words after vip, want one: an address with its prefix length, as 192.0.2.100/24", len(args))
	}
	prefix, err := config.ServiceAddress(args[0])
	if err != nil {
		return nil, err
	}
	v := &VIP{prefix: prefix, refresh: defaultRefresh, healed: make(chan struct{}, 1)}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if err := v.set(key, keys[key]); err != nil {
			return nil, fmt.Errorf("%s=%s: %w", key, keys[key], err)
		}
	}
	return v, nil
}

func (v *VIP) set(key, value string) (err error) {
	switch key {
	case "dev":
		v.dev = value
		return checkName(value)
	case "refresh":
		v.refresh, err = parseRefresh(value)
		return err
	}
	return errors.New("a vip knows dev= and refresh= only")
}

// checkName keeps to what the kernel takes (dev_valid_name), because the name becomes part of a path below /proc/sys.
func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("an interface's name has 1 to %d characters", maxName)
	case name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\v\f\r\x00"):
		return errors.New("no interface can have this name")
	}
	return nil
}

func parseRefresh(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("not a time with its unit, as 60s")
	}
	if d < minRefresh || d > maxRefresh {
		return 0, fmt.Errorf("must lie between %s and %s", minRefresh, maxRefresh)
	}
	return d, nil
}
