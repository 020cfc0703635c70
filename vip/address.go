package vip

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"locum/config"
)

const (
	// ifaProto is IFA_PROTO (linux/if_addr.h): who has put the address there. Linux has it since 5.18 and ignores it
	// before.
	ifaProto = 11
	// mark is locum's IFA_PROTO. The kernel's own are 1 to 3; the rest is free.
	mark = 0x6c
	// forever is the lifetime that never ends.
	forever = 0xffffffff
)

// held is one address on one interface, as the kernel has just described it.
type held struct {
	index  int // the interface's
	prefix netip.Prefix
	flags  uint32 // IFA_F_*
	proto  uint8
	body   raw // the kernel's own words: sent back, they remove this very address, or restore it
}

// usable reports whether the address can be used: not so while a duplicate check runs or after it failed.
func (h held) usable() bool {
	if h.flags&unix.IFA_F_DADFAILED != 0 {
		return false
	}
	return h.flags&unix.IFA_F_TENTATIVE == 0 || h.flags&unix.IFA_F_OPTIMISTIC != 0
}

// isPrimary reports whether the kernel may drag others along when it is removed. Of IPv6 the flag means something else.
func (h held) isPrimary() bool { return h.prefix.Addr().Is4() && h.flags&unix.IFA_F_SECONDARY == 0 }

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// addresses lists what all interfaces of this machine have of one family.
func (k *kernel) addresses(family int) ([]held, error) {
	bodies, err := k.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, nl.NewIfAddrmsg(family))
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	all := make([]held, 0, len(bodies))
	for _, body := range bodies {
		h, err := parseAddress(body)
		if err != nil {
			return nil, fmt.Errorf("list addresses: %w", err)
		}
		all = append(all, h)
	}
	return all, nil
}

// parseAddress reads an address message. With a peer, IFA_LOCAL is the machine's own address and IFA_ADDRESS the peer's;
// IPv6 without a peer has IFA_ADDRESS only.
func parseAddress(body []byte) (held, error) {
	if len(body) < unix.SizeofIfAddrmsg {
		return held{}, fmt.Errorf("address message of %d bytes", len(body))
	}
	header := nl.DeserializeIfAddrmsg(body)
	h := held{index: int(header.Index), flags: uint32(header.Flags), body: raw(body)}
	var local, address netip.Addr
	err := attributes(body[unix.SizeofIfAddrmsg:], func(kind uint16, value []byte) {
		switch {
		case kind == unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(value)
		case kind == unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(value)
		case kind == unix.IFA_FLAGS && len(value) == 4:
			h.flags = byteOrder.Uint32(value)
		case kind == ifaProto && len(value) == 1:
			h.proto = value[0]
		}
	})
	if err != nil {
		return held{}, fmt.Errorf("address message: %w", err)
	}
	if !local.IsValid() {
		local = address
	}
	h.prefix = netip.PrefixFrom(local, int(header.Prefixlen))
	if !h.prefix.IsValid() {
		return held{}, errors.New("address message without an address")
	}
	return h, nil
}

// add puts the address on the interface. IPv6: without the duplicate check, which would keep it unusable for a second or
// more, and deprecated, so that the machine's own connections start from an address that stays with it, as they do in
// IPv4, where a further address of a subnet is secondary.
func (k *kernel) add(index int, p netip.Prefix) error {
	header := nl.NewIfAddrmsg(familyOf(p.Addr()))
	header.Prefixlen = uint8(p.Bits())
	header.Index = uint32(index)
	if p.Addr().IsLinkLocalUnicast() {
		header.Scope = unix.RT_SCOPE_LINK
	}
	parts := []nl.NetlinkRequestData{
		header,
		nl.NewRtAttr(unix.IFA_LOCAL, p.Addr().AsSlice()),
		nl.NewRtAttr(unix.IFA_ADDRESS, p.Addr().AsSlice()),
		nl.NewRtAttr(ifaProto, []byte{mark}),
	}
	switch {
	case p.Addr().Is6():
		header.Flags = unix.IFA_F_NODAD
		life := nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{Prefered: 0, Valid: forever}}
		parts = append(parts, nl.NewRtAttr(unix.IFA_CACHEINFO, life.Serialize()))
	case p.Bits() < 31:
		parts = append(parts, nl.NewRtAttr(unix.IFA_BROADCAST, config.BroadcastOf(p).AsSlice()))
	}
	_, err := k.ask(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK, 0, parts...)
	return err
}

// restore puts back an address that was removed.
func (k *kernel) restore(h held) error {
	_, err := k.ask(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE|unix.NLM_F_ACK, 0, h.body)
	return err
}

// erase removes the address, and whatever the kernel removes with it. It succeeds if it is not there.
func (k *kernel) erase(h held) error {
	_, err := k.ask(unix.RTM_DELADDR, unix.NLM_F_ACK, 0, h.body)
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
