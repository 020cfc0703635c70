package vip

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	four   = netip.MustParseAddr("192.0.2.100")
	six    = netip.MustParseAddr("2001:db8::100")
	ourMAC = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x0a}
)

func frame(t testing.TB, addr netip.Addr, n int) []byte {
	frames, err := announcements(addr, ourMAC, false)
	if err != nil {
		t.Fatal(err)
	}
	return frames[n]
}

func asked(t testing.TB, addr netip.Addr) []byte {
	f, err := question(addr, ourMAC)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// patched is a copy of frame with other bytes from offset on.
func patched(frame []byte, offset int, with ...byte) []byte {
	c := slices.Clone(frame)
	copy(c[offset:], with)
	return c
}

// The bytes are written out from RFC 826, 5227, 4861 and 2464, so that the encoders are not judged by the decoders.
func TestFrames(t *testing.T) {
	router, err := announcements(six, ourMAC, true)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		got, want []byte
	}{
		{"an announcement as ARP request", frame(t, four, 0)[:42], []byte{
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x0a, 8, 6,
			0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x0a, 192, 0, 2, 100, 0, 0, 0, 0, 0, 0, 192, 0, 2, 100}},
		{"an announcement as ARP reply", frame(t, four, 1)[:42], []byte{
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x0a, 8, 6,
			0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 0x0a, 192, 0, 2, 100, 2, 0, 0, 0, 0, 0x0a, 192, 0, 2, 100}},
		{"an ARP probe names no sender's address", asked(t, four)[:42], []byte{
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x0a, 8, 6,
			0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 100}},
		{"an unsolicited advertisement overrides", patched(frame(t, six, 0), icmp6Type+2, 0, 0), slices.Concat(
			[]byte{0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x0a, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255},
			six.AsSlice(), allNodes.AsSlice(),
			[]byte{136, 0, 0, 0, 0x20, 0, 0, 0}, six.AsSlice(), []byte{2, 1, 2, 0, 0, 0, 0, 0x0a})},
		{"a router's advertisement says so", router[0][icmp6Type+4 : icmp6Type+8], []byte{0xa0, 0, 0, 0}},
		{"a solicitation comes from nobody", patched(asked(t, six), icmp6Type+2, 0, 0), slices.Concat(
			[]byte{0x33, 0x33, 0xff, 0, 1, 0, 2, 0, 0, 0, 0, 0x0a, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, 58, 255},
			make([]byte, 16), netip.MustParseAddr("ff02::1:ff00:100").AsSlice(),
			[]byte{135, 0, 0, 0, 0, 0, 0, 0}, six.AsSlice())},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !bytes.Equal(tt.got, tt.want) {
				t.Errorf("frame\n% x, want\n% x", tt.got, tt.want)
			}
		})
	}
}

func TestClaimant(t *testing.T) {
	const target = etherLen + 8 // ARP: the sender's hardware address
	tests := []struct {
		name  string
		frame []byte
		addr  netip.Addr
		want  verdict
	}{
		{"an ARP request for oneself claims", frame(t, four, 0), four, claims},
		{"an ARP reply claims", frame(t, four, 1), four, claims},
		{"an advertisement claims", frame(t, six, 0), six, claims},
		{"an advertisement without a hardware address claims for its sender",
			patched(frame(t, six, 0)[:icmp6Type+24], ip6Next-2, 0, 24), six, claims},
		{"padding behind an ARP packet is no matter", append(frame(t, four, 0), make([]byte, 18)...), four, claims},
		{"an ARP probe claims nothing", asked(t, four), four, anotherAddress},
		{"a solicitation claims nothing", asked(t, six), six, notNDP},
		{"ARP of another address", frame(t, four, 0), netip.MustParseAddr("192.0.2.101"), anotherAddress},
		{"an advertisement of another address", frame(t, six, 0), netip.MustParseAddr("2001:db8::101"), anotherAddress},
		{"nothing", nil, four, notEthernet},
		{"half an Ethernet header", frame(t, four, 0)[:10], four, notEthernet},
		{"another protocol", patched(frame(t, four, 0), 12, 0x88, 0xb5), four, notNeighbour},
		{"ARP cut short", frame(t, four, 0)[:etherLen+20], four, notARP},
		{"ARP for another hardware", patched(frame(t, four, 0), etherLen, 0, 32), four, notARP},
		{"ARP for another protocol", patched(frame(t, four, 0), etherLen+2, 0x86, 0xdd), four, notARP},
		{"ARP with short addresses", patched(frame(t, four, 0), etherLen+4, 2, 4), four, notARP},
		{"reverse ARP", patched(frame(t, four, 0), etherLen+6, 0, 3), four, notARP},
		{"ARP from a group's hardware address", patched(frame(t, four, 0), target, 1), four, unlikelyMachine},
		{"ARP from no hardware address", patched(frame(t, four, 0), target, 0, 0, 0, 0, 0, 0), four, unlikelyMachine},
		{"an advertisement that has crossed a router", patched(frame(t, six, 0), ip6Next+1, 254), six, notNDP},
		{"an advertisement longer than its frame", patched(frame(t, six, 0), ip6Next-2, 1, 0), six, notNDP},
		{"an advertisement cut short", patched(frame(t, six, 0), ip6Next-2, 0, 12), six, notNDP},
		{"IPv4 under the type of IPv6", patched(frame(t, six, 0), etherLen, 0x45), six, notNDP},
		{"UDP", patched(frame(t, six, 0), ip6Next, 17), six, notNDP},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mac, v := claimant(tt.frame, tt.addr)
			if v != tt.want {
				t.Fatalf("verdict %q, want %q", v, tt.want)
			}
			if v == claims && !bytes.Equal(mac, ourMAC) {
				t.Errorf("claimed by %s, want %s", mac, ourMAC)
			}
		})
	}
}

// passes runs the filter as the kernel would; a load beyond the frame refuses it.
func passes(t *testing.T, program []unix.SockFilter, frame []byte) bool {
	var loaded uint32
	for pc := 0; pc < len(program); pc++ {
		in := program[pc]
		switch in.Code {
		case unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			size := map[uint16]int{unix.BPF_B: 1, unix.BPF_W: 4}[in.Code&0x18]
			if int(in.K)+size > len(frame) {
				return false
			}
			loaded = 0
			for _, b := range frame[in.K : int(in.K)+size] {
				loaded = loaded<<8 | uint32(b)
			}
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			if loaded == in.K {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		case unix.BPF_RET | unix.BPF_K:
			return in.K != 0
		default:
			t.Fatalf("unknown instruction %v", in)
		}
	}
	t.Fatal("the filter ends without a decision")
	return false
}

func TestFilter(t *testing.T) {
	tests := []struct {
		name  string
		frame []byte
		addr  netip.Addr
		want  bool
	}{
		{"an ARP claim passes", frame(t, four, 0), four, true},
		{"an ARP claim of a neighbour does not", frame(t, four.Next(), 0), four, false},
		{"an ARP question does not", asked(t, four), four, false},
		{"an ARP packet cut short does not", frame(t, four, 0)[:arpSender+3], four, false},
		{"an advertisement passes", frame(t, six, 0), six, true},
		{"an advertisement of a neighbour does not", frame(t, six.Next(), 0), six, false},
		{"an advertisement from another subnet does not", frame(t, netip.MustParseAddr("2001:db9::100"), 0), six, false},
		{"a solicitation does not", asked(t, six), six, false},
		{"UDP does not", patched(frame(t, six, 0), ip6Next, 17), six, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := passes(t, filter(tt.addr), tt.frame); got != tt.want {
				t.Errorf("passes: %t, want %t", got, tt.want)
			}
		})
	}
}

func FuzzClaimant(f *testing.F) {
	for _, addr := range []netip.Addr{four, six} {
		f.Add(frame(f, addr, 0), addr.Is6())
		f.Add(asked(f, addr), addr.Is6())
	}
	f.Fuzz(func(t *testing.T, frame []byte, v6 bool) {
		addr := four
		if v6 {
			addr = six
		}
		mac, v := claimant(frame, addr)
		if (v == claims) != couldBeMachine(mac) {
			t.Errorf("verdict %q with hardware address %q", v, mac)
		}
		if v == claims && !bytes.Contains(frame, addr.AsSlice()) {
			t.Errorf("claims %s without naming it", addr)
		}
	})
}

func FuzzKernelMessages(f *testing.F) {
	f.Add([]byte{2, 24, 0, 0, 1, 0, 0, 0, 8, 0, 1, 0, 192, 0, 2, 100})
	f.Fuzz(func(t *testing.T, body []byte) {
		if h, err := parseAddress(body); err == nil && !h.prefix.IsValid() {
			t.Errorf("address message % x read as %v", body, h.prefix)
		}
		if l, err := parseLink(body); err == nil && checkName(l.name) != nil {
			t.Errorf("link message % x read with name %q", body, l.name)
		}
	})
}
