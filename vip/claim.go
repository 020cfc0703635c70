package vip

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
)

// verdict is what a frame turned out to be: a claim, or why it is none.
type verdict uint8

const (
	claims          verdict = iota // its sender says that it has the address
	notEthernet                    // too short, or no Ethernet frame
	notNeighbour                   // neither ARP nor IPv6
	notARP                         // ARP for other than IPv4 over Ethernet, or cut short
	notNDP                         // no whole neighbour advertisement, or it has crossed a router
	anotherAddress                 // it speaks of some other address, or only asks
	unlikelyMachine                // the hardware address is a group's, or zero
)

var verdicts = [...]string{"claims", "not Ethernet", "not a neighbour's word", "not ARP", "not NDP", "another address", "unlikely machine"}

func (v verdict) String() string { return verdicts[v] }

// claimant says which machine a received frame claims addr for. A claim in IPv4 is any ARP packet, request or reply,
// whose sender has the address (RFC 5227, 2.1.1 and 2.4); in IPv6 any advertisement of it (RFC 4862, 5.4.4). A machine
// that only asks for the address claims nothing.
func claimant(frame []byte, addr netip.Addr) (net.HardwareAddr, verdict) {
	var f ethernet.Frame
	if err := f.UnmarshalBinary(frame); err != nil {
		return nil, notEthernet
	}
	var (
		mac net.HardwareAddr
		v   verdict
	)
	switch f.EtherType {
	case ethernet.EtherTypeARP:
		mac, v = arpClaimant(f.Payload, addr)
	case ethernet.EtherTypeIPv6:
		mac, v = ndpClaimant(f.Payload, addr)
		if mac == nil {
			mac = f.Source
		}
	default:
		return nil, notNeighbour
	}
	if v == claims && !couldBeMachine(mac) {
		v = unlikelyMachine
	}
	if v != claims {
		return nil, v
	}
	return mac, claims
}

func arpClaimant(payload []byte, addr netip.Addr) (net.HardwareAddr, verdict) {
	var p arp.Packet
	if err := p.UnmarshalBinary(payload); err != nil {
		return nil, notARP
	}
	if p.HardwareType != 1 || p.HardwareAddrLength != macLen || p.IPLength != 4 || p.ProtocolType != uint16(ethernet.EtherTypeIPv4) {
		return nil, notARP
	}
	if p.Operation != arp.OperationRequest && p.Operation != arp.OperationReply {
		return nil, notARP
	}
	if p.SenderIP != addr {
		return nil, anotherAddress
	}
	return p.SenderHardwareAddr, claims
}

// ndpClaimant gives no hardware address where the advertisement has none; the frame's sender is meant then. The checksum
// is not looked at: between machines on one host it may never have been computed, and the frame's own has held.
func ndpClaimant(packet []byte, addr netip.Addr) (net.HardwareAddr, verdict) {
	if len(packet) < ip6Len || packet[0]>>4 != 6 || packet[6] != nextICMPv6 || packet[7] != ndpHopLimit {
		return nil, notNDP
	}
	size := int(binary.BigEndian.Uint16(packet[4:]))
	if size > len(packet)-ip6Len {
		return nil, notNDP
	}
	m, err := ndp.ParseMessage(packet[ip6Len : ip6Len+size])
	if err != nil {
		return nil, notNDP
	}
	advert, ok := m.(*ndp.NeighborAdvertisement)
	if !ok {
		return nil, notNDP
	}
	if advert.TargetAddress != addr {
		return nil, anotherAddress
	}
	for _, o := range advert.Options {
		if lla, ok := o.(*ndp.LinkLayerAddress); ok && lla.Direction == ndp.Target {
			return lla.Addr, claims
		}
	}
	return nil, claims
}

func couldBeMachine(mac net.HardwareAddr) bool {
	return len(mac) == macLen && mac[0]&1 == 0 && [macLen]byte(mac) != [macLen]byte{}
}
