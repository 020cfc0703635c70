package vip

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
)

const (
	macLen      = 6
	ip6Len      = 40
	etherLen    = 14
	nextICMPv6  = 58
	ndpHopLimit = 255 // RFC 4861, 7.1: proves that no router has passed it on
	// maxHeard bounds what is read of a frame: an advertisement with a dozen options fits.
	maxHeard = 256
)

var allNodes = netip.MustParseAddr("ff02::1")

// announcements are the frames that tell all neighbours that addr is at mac now. IPv4: an ARP request and a reply for
// oneself (RFC 5227, 2.3, and RFC 5944, 4.6), because some stacks heed only the one and some only the other. IPv6: an
// unsolicited advertisement with Override (RFC 4861, 7.2.6); router must say whether this machine forwards, or neighbours
// would strike it from their lists of routers.
func announcements(addr netip.Addr, mac net.HardwareAddr, router bool) ([][]byte, error) {
	if addr.Is4() {
		request, err := arpFrame(arp.OperationRequest, mac, addr, make(net.HardwareAddr, macLen), addr)
		if err != nil {
			return nil, err
		}
		reply, err := arpFrame(arp.OperationReply, mac, addr, mac, addr)
		return [][]byte{request, reply}, err
	}
	advert, err := ndpFrame(&ndp.NeighborAdvertisement{
		Router:        router,
		Override:      true,
		TargetAddress: addr,
		Options:       []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac}},
	}, mac, addr, allNodes)
	return [][]byte{advert}, err
}

// question is the frame that asks whether anybody has addr, without claiming it: an ARP probe with the sender 0.0.0.0
// (RFC 5227, 2.1.1), or a solicitation from the unspecified address (RFC 4862, 5.4.2). No neighbour's cache changes by it.
func question(addr netip.Addr, mac net.HardwareAddr) ([]byte, error) {
	if addr.Is4() {
		return arpFrame(arp.OperationRequest, mac, netip.IPv4Unspecified(), make(net.HardwareAddr, macLen), addr)
	}
	group, err := ndp.SolicitedNodeMulticast(addr)
	if err != nil {
		return nil, err
	}
	return ndpFrame(&ndp.NeighborSolicitation{TargetAddress: addr}, mac, netip.IPv6Unspecified(), group)
}

func arpFrame(op arp.Operation, mac net.HardwareAddr, from netip.Addr, target net.HardwareAddr, to netip.Addr) ([]byte, error) {
	p, err := arp.NewPacket(op, mac, from, target, to)
	if err != nil {
		return nil, err
	}
	payload, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return etherFrame(ethernet.Broadcast, mac, ethernet.EtherTypeARP, payload)
}

// ndpFrame builds the IPv6 header itself: the kernel would send from the unspecified address for nobody.
func ndpFrame(m ndp.Message, mac net.HardwareAddr, from, to netip.Addr) ([]byte, error) {
	icmp, err := ndp.MarshalMessageChecksum(m, from, to)
	if err != nil {
		return nil, err
	}
	packet := make([]byte, ip6Len, ip6Len+len(icmp))
	packet[0] = 6 << 4
	binary.BigEndian.PutUint16(packet[4:], uint16(len(icmp)))
	packet[6], packet[7] = nextICMPv6, ndpHopLimit
	copy(packet[8:], from.AsSlice())
	copy(packet[24:], to.AsSlice())
	group := to.As16()
	return etherFrame(net.HardwareAddr{0x33, 0x33, group[12], group[13], group[14], group[15]}, mac,
		ethernet.EtherTypeIPv6, append(packet, icmp...))
}

func etherFrame(to, from net.HardwareAddr, kind ethernet.EtherType, payload []byte) ([]byte, error) {
	f := ethernet.Frame{Destination: to, Source: from, EtherType: kind, Payload: payload}
	return f.MarshalBinary()
}
