package config

import (
	"slices"
	"time"
)

// kind is what a word has to be.
type kind int

const (
	kindWord      kind = iota
	kindPrefix         // 192.0.2.100/24
	kindURL            // http:// or https://
	kindUnit           // a name that ends in .service, .mount, …
	kindFile           // an absolute path
	kindDuration       // 10s
	kindInterface      // a network interface's name
	kindHost           // a host's name or address, with :port or without
	kindNumber         // 0 to 2147483647
	kindOID            // 1.3.6.1.4.1.318.1
	kindYes            // yes or no
)

// spec says what one type takes. The constructors stand in daemon/plugins.go; a test there holds both lists together.
type spec struct {
	args     []kind // required positional words
	more     bool   // further words may follow
	keys     map[string]kind
	required []string
	oneOf    map[string][]string // what a key may say, where that is a list
	anyKey   bool                // fence agent=: any key is passed on
	form     string              // resource: what follows the type
	slow     time.Duration       // fence: less than this is a short timeout= for such a device; 0: any may do
}

var resourceTypes = map[string]spec{
	"vip":     {form: "ADDRESS/PREFIX [dev=INTERFACE]", args: []kind{kindPrefix}, keys: map[string]kind{"dev": kindInterface}},
	"unit":    {form: "NAME.service", args: []kind{kindUnit}},
	"process": {form: "PROGRAM [ARGUMENT…] [user=] [dir=/] [name=]", args: []kind{kindFile}, more: true, keys: map[string]kind{"user": kindWord, "dir": kindFile, "name": kindWord}},
	"script":  {form: "FILE [ARGUMENT…] [interval=10s]", args: []kind{kindFile}, more: true, keys: map[string]kind{"interval": kindDuration}},
}

// ownsData names resource types that a second owner would destroy: never under "tiebreak unsafe". Some come later.
var ownsData = []string{"mount", "lvm", "md", "drbd", "vm"}

// Types that exist, for messages and for the test that compares them with the constructors.

// PathTypes lists the path types.
func PathTypes() []string { return sortedKeys(pathKinds) }

// ResourceTypes lists the resource types.
func ResourceTypes() []string { return sortedKeys(resourceTypes) }

// FenceTypes lists the fence types.
func FenceTypes() []string { return sortedKeys(fenceTypes) }

func tiebreakTypes() []string { return []string{"disk", "fence", "unsafe"} }

func notifyTypes() []string { return []string{"exec"} }

func sortedKeys[V any](m map[string]V) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
