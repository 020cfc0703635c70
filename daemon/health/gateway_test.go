package health

import (
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

const insideKey = "LOCUM_HEALTH_INSIDE"

// inside runs body in a child of the test binary that has network and mount namespaces of its own.
func inside(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideKey) != "" {
		body(t)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), insideKey+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A real kernel is asked by real echoes: one end of a veth pair is this node's, the other is nobody's.
func TestGatewaysAreAsked(t *testing.T) {
	inside(t, func(t *testing.T) {
		lo, err := netlink.LinkByName("lo")
		must(t, err)
		must(t, netlink.LinkSetUp(lo))
		must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "near"}, PeerName: "far"}))
		near, err := netlink.LinkByName("near")
		must(t, err)
		far, err := netlink.LinkByName("far")
		must(t, err)
		for _, a := range []string{"192.0.2.1/24", "2001:db8::1/64"} {
			parsed, err := netlink.ParseAddr(a)
			must(t, err)
			parsed.Flags = 0x02 // nodad
			must(t, netlink.AddrAdd(near, parsed))
		}
		must(t, netlink.LinkSetUp(near))
		if value, err := link("near")(); err != nil || value != 0 {
			t.Errorf("near, whose cable leads nowhere: %d, %v", value, err)
		}
		must(t, netlink.LinkSetUp(far))
		if value, err := link("near")(); err != nil || value != 1 {
			t.Errorf("near, with a carrier: %d, %v", value, err)
		}
		ask := func(within time.Duration, words ...string) int64 {
			t.Helper()
			var list []netip.Addr
			for _, w := range words {
				list = append(list, netip.MustParseAddr(w))
			}
			value, err := gateways(list, within)()
			must(t, err)
			return value
		}
		const long = 10 * time.Second // of which nothing is spent where an answer comes
		for _, a := range []string{"192.0.2.1", "2001:db8::1"} {
			// The kernel takes an IPv6 address into use only some time after the link has come up (linkwatch), and drops what comes for it before.
			for end := time.Now().Add(long); ask(long/10, a) != 1; {
				if time.Now().After(end) {
					t.Errorf("%s does not answer", a)
					break
				}
			}
		}
		if ask(long, "192.0.2.7", "192.0.2.1") != 1 {
			t.Error("one of two that answers is not enough")
		}
		begun := time.Now()
		if ask(300*time.Millisecond, "192.0.2.7", "2001:db8::7") != 0 {
			t.Error("somebody answers where nobody is")
		}
		if took := time.Since(begun); took < 250*time.Millisecond {
			t.Errorf("it gave up after %s", took)
		}
		if ask(long, "198.51.100.1") != 0 { // there is no way to it
			t.Error("somebody answers where no way leads")
		}
	})
}
