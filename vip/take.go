package vip

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// survey asks the kernel who has the address, and for the interface on which it belongs.
func (v *VIP) survey() (copies []held, l link, err error) {
	k, err := v.kernel()
	if err != nil {
		return nil, link{}, err
	}
	all, err := k.addresses(familyOf(v.prefix.Addr()))
	if err != nil {
		return nil, link{}, err
	}
	l, err = v.find(k, all)
	v.index.set(l.index)
	return copiesOf(all, v.prefix.Addr()), l, err
}

func (v *VIP) find(k *kernel, all []held) (link, error) {
	if v.dev != "" {
		return k.linkNamed(v.dev)
	}
	index, err := choose(all, v.prefix)
	if err != nil {
		return link{}, err
	}
	return k.linkAt(index)
}

func copiesOf(all []held, addr netip.Addr) []held {
	return slices.DeleteFunc(slices.Clone(all), func(h held) bool { return h.prefix.Addr() != addr })
}

// choose finds the interface of an address whose line names none: the one that has it already, else the one that has
// another address in its subnet.
func choose(all []held, p netip.Prefix) (index int, err error) {
	if copies := copiesOf(all, p.Addr()); len(copies) == 1 {
		return copies[0].index, nil
	}
	for _, h := range all {
		switch near := p.Contains(h.prefix.Addr()) || h.prefix.Bits() > 0 && h.prefix.Contains(p.Addr()); {
		case !near || h.index == index:
		case index != 0:
			return 0, linkError("more than one interface has an address in the subnet: say which with dev=")
		default:
			index = h.index
		}
	}
	if index == 0 {
		return 0, linkError("no interface has an address in the subnet: say which is meant with dev=")
	}
	return index, nil
}

// take makes the interface have the address. One that is there and usable is left as it is, whatever its prefix length;
// one that is not usable, or on another interface, is removed first.
func (v *VIP) take(copies []held, l link) error {
	k, err := v.kernel()
	if err != nil {
		return err
	}
	adopted := false
	for _, h := range copies {
		if h.index == l.index && h.usable() {
			adopted = true
			continue
		}
		if err := k.remove(h); err != nil {
			return fmt.Errorf("remove %s, which does not serve there: %w", h.prefix, err)
		}
	}
	if adopted {
		return nil
	}
	err = k.add(l.index, v.prefix)
	switch {
	case err == nil, errors.Is(err, unix.EEXIST): // somebody was quicker since the survey, and it is there
		return nil
	case errors.Is(err, unix.EACCES) && v.prefix.Addr().Is6():
		return fmt.Errorf("add to %s: IPv6 is off there: sysctl net.ipv6.conf.%s.disable_ipv6=0: %w", l.name, l.name, err)
	}
	return fmt.Errorf("add to %s: %w", l.name, err)
}

// releaseTries bounds the fight with a program that puts the address back again and again.
const releaseTries = 3

// release removes the address wherever it is and looks until it sees none.
func (v *VIP) release() error {
	k, err := v.kernel()
	if err != nil {
		return err
	}
	for range releaseTries {
		all, err := k.addresses(familyOf(v.prefix.Addr()))
		if err != nil {
			return err
		}
		copies := copiesOf(all, v.prefix.Addr())
		if len(copies) == 0 {
			return nil
		}
		for _, h := range copies {
			if err := k.remove(h); err != nil {
				return fmt.Errorf("remove: %w", err)
			}
		}
	}
	return fmt.Errorf("removed %d times and there again: some other program puts it back", releaseTries)
}

// removing keeps two removals apart, because each may set the interface's promote_secondaries for its own duration.
var removing sync.Mutex

// remove takes one address off its interface and leaves all others. When the first IPv4 address of a subnet goes, Linux
// removes the subnet's other addresses too, unless promote_secondaries is set (ip-sysctl): so it is set meanwhile, and
// where that is forbidden they are put back.
func (k *kernel) remove(h held) error {
	if !h.isPrimary() {
		return k.erase(h)
	}
	removing.Lock()
	defer removing.Unlock()
	l, err := k.linkAt(h.index)
	if isLinkError(err) {
		return nil
	}
	if err != nil {
		return err
	}
	reset, err := promote(l.name)
	if err != nil {
		return k.eraseAlone(h)
	}
	return errors.Join(k.erase(h), reset())
}

// promote sets promote_secondaries on the interface and gives the function that sets it as it was.
func promote(name string) (reset func() error, err error) {
	file := "/proc/sys/net/ipv4/conf/" + name + "/promote_secondaries"
	before, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(string(before)) != "0" {
		return func() error { return nil }, nil
	}
	if err := os.WriteFile(file, []byte("1"), 0); err != nil {
		return nil, err
	}
	return func() error { return os.WriteFile(file, before, 0) }, nil
}

// eraseAlone removes h, and puts back what went with it, as fast as it can.
func (k *kernel) eraseAlone(h held) error {
	before, err := k.addresses(unix.AF_INET)
	if err != nil {
		return err
	}
	if err := k.erase(h); err != nil {
		return err
	}
	after, err := k.addresses(unix.AF_INET)
	if err != nil {
		return err
	}
	for _, b := range before {
		here := func(a held) bool { return a.index == b.index && a.prefix == b.prefix }
		if b.index != h.index || b.prefix == h.prefix || b.isPrimary() || slices.ContainsFunc(after, here) {
			continue
		}
		if err := k.restore(b); err != nil {
			return fmt.Errorf("put back %s, which Linux removed with it: %w", b.prefix, err)
		}
	}
	return nil
}

// Ours lists the addresses on this machine that a locum has put there, in this life or a former one, so that one which
// is in no file any more can be found and, by New and Stop, removed. Linux before 5.18 does not keep the mark and shows
// none.
func Ours() ([]netip.Prefix, error) {
	k, err := openKernel()
	if err != nil {
		return nil, err
	}
	defer k.close()
	all, err := k.addresses(unix.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	var ours []netip.Prefix
	for _, h := range all {
		if h.proto == mark {
			ours = append(ours, h.prefix)
		}
	}
	return ours, nil
}
