package lab

import (
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"
)

// announce says once on eth0, in the network namespace of this thread, that a node has an address.
func announce(a netip.Addr) error {
	dev, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	if a.Is6() {
		return announce6(dev, a)
	}
	c, err := arp.Dial(dev)
	if err != nil {
		return err
	}
	defer c.Close()
	broadcast := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	p, err := arp.NewPacket(arp.OperationRequest, dev.HardwareAddr, a, broadcast, a)
	if err != nil {
		return err
	}
	return c.WriteTo(p, broadcast)
}

func announce6(dev *net.Interface, a netip.Addr) error {
	// The link-local address that Listen wants is there a moment after the link came up.
	var (
		c   *ndp.Conn
		err error
	)
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if c, _, err = ndp.Listen(dev, ndp.Global); err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		return err
	}
	defer c.Close()
	return c.WriteTo(&ndp.NeighborAdvertisement{Override: true, TargetAddress: a,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: dev.HardwareAddr}}}, nil, netip.MustParseAddr("ff02::1"))
}
