package vip

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// insideKey marks a test process that has a network namespace of its own.
const insideKey = "LOCUM_VIP_INSIDE"

// patience is how long a test waits for what must happen, much longer than it takes.
const patience = 10 * time.Second

// inside runs body in a child of the test binary that has network and mount namespaces of its own, so that every
// goroutine and socket of the package is in the right one, and everything is gone when the child is.
func inside(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideKey) != "" {
		makeWorld(t)
		body(t)
		return
	}
	out := runInside(t, "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.timeout=60s")
	if !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")) {
		t.Fatalf("%s", out)
	}
	if testing.Verbose() {
		t.Logf("%s", out)
	}
}

// insideBench is inside for a benchmark, whose figure it hands on.
func insideBench(b *testing.B, body func(b *testing.B)) {
	b.Helper()
	if os.Getenv(insideKey) != "" {
		makeWorld(b)
		body(b)
		return
	}
	out := runInside(b, "-test.run=^$", "-test.bench=^"+b.Name()+"$", "-test.benchtime=300x")
	for _, unit := range []string{"ns/op", "worst-ns"} {
		m := regexp.MustCompile(`(\S+) ` + unit).FindSubmatch(out)
		if m == nil {
			b.Fatalf("no %s:\n%s", unit, out)
		}
		figure, err := strconv.ParseFloat(string(m[1]), 64)
		must(b, err)
		b.ReportMetric(figure, unit)
	}
}

// insideCase is inside for one case of a table test.
func insideCase(t *testing.T, name string, body func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { inside(t, body) })
}

func runInside(t testing.TB, args ...string) []byte {
	if os.Getuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	for program, pack := range map[string]string{"ip": "iproute2", "ping": "iputils-ping"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs the program %s (%s): make tools", program, pack)
		}
	}
	runtime.LockOSThread() // Pdeathsig is about the thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), insideKey+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

var worldMade bool

// hurry shortens the burst to a tenth of a second, for tests that have to see its end; this process runs no other test.
func hurry() {
	for i := range burst {
		burst[i] = time.Duration(i) * 20 * time.Millisecond
	}
}

// makeWorld makes a switch, which is the client too, with the node (this process) and another machine on it. Each has
// eth0, the client br0.
func makeWorld(t testing.TB) {
	if worldMade { // a benchmark's body runs more than once
		return
	}
	worldMade = true
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("tmpfs", "/run", "tmpfs", 0, "")) // ip keeps the names of namespaces there
	for _, line := range []string{
		"link set lo up",
		"netns add client",
		"netns add other",
		"-n client link add br0 type bridge",
		"-n client link set br0 up",
		"link add to-node netns client type veth peer name eth0",
		"link add to-other netns client type veth peer name eth0 netns other",
		"-n client link set to-node master br0 up",
		"-n client link set to-other master br0 up",
		"link set eth0 up",
		"-n other link set eth0 up",
		"addr add 192.0.2.1/24 dev eth0",
		"addr add 2001:db8::1/64 dev eth0 nodad",
		"-n other addr add 192.0.2.2/24 dev eth0",
		"-n other addr add 2001:db8::2/64 dev eth0 nodad",
		"-n client addr add 192.0.2.3/24 dev br0",
		"-n client addr add 2001:db8::3/64 dev br0 nodad",
	} {
		ip(t, line)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ip runs the program ip with the words of line.
func ip(t testing.TB, line string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", line, err, out)
	}
	return string(out)
}

// on runs f on a thread in the named host's namespace. The thread ends with it, so f must leave no goroutine that opens
// something.
func on(t testing.TB, host string, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies
		ns, err := netns.GetFromName(host)
		if err == nil {
			err = netns.Set(ns)
			ns.Close()
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	must(t, <-done)
}

// newVIP makes an agent whose background work ends with the test.
func newVIP(t testing.TB, prefix string, keys ...string) *VIP {
	t.Helper()
	r := config.Resource{Service: "web", Type: "vip", Args: []string{prefix}, Keys: map[string]string{}}
	for _, pair := range keys {
		key, value, _ := strings.Cut(pair, "=")
		r.Keys[key] = value
	}
	v, err := New(r)
	must(t, err)
	v.Trouble = func(err error) { t.Log("trouble:", err) }
	t.Cleanup(v.Close)
	return v
}

func start(t testing.TB, v *VIP) {
	t.Helper()
	must(t, v.Start(t.Context()))
}

func wantState(t *testing.T, v *VIP, want wire.State) {
	t.Helper()
	got, err := v.Probe(t.Context())
	if err != nil || got != want {
		t.Fatalf("Probe of %s: %s, %v; want %s", v.Prefix(), got, err, want)
	}
}

// watch runs v.Watch and gives what it reports.
func watch(t *testing.T, v *VIP) <-chan wire.State {
	states := make(chan wire.State, 64)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := v.Watch(ctx, func(s wire.State) { states <- s }); ctx.Err() == nil {
			t.Errorf("Watch ended: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return states
}

// next is the next thing that comes through c.
func next[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case got, open := <-c:
		if !open {
			t.Fatalf("no %s: the channel was closed", what)
		}
		return got
	case <-time.After(patience):
		t.Fatalf("no %s within %s", what, patience)
	}
	panic("unreachable")
}

// drain reads what comes until it has been quiet for much longer than a hurried burst, and counts it.
func drain[T any](c <-chan T) (n int) {
	for {
		select {
		case <-c:
			n++
		case <-time.After(300 * time.Millisecond):
			return n
		}
	}
}

func wantNext(t *testing.T, states <-chan wire.State, want wire.State) {
	t.Helper()
	if got := next(t, states, want.String()); got != want {
		t.Fatalf("Watch said %s, want %s", got, want)
	}
}

// eventually looks until it is so. What it looks at is another program's state, which tells nobody when it changes.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// macOf is the hardware address of a host's interface, eth0 if none is named; "" is the node.
func macOf(t testing.TB, host string, dev ...string) net.HardwareAddr {
	t.Helper()
	line := "-o link show " + append(dev, "eth0")[0]
	if host != "" {
		line = "-n " + host + " " + line
	}
	m := regexp.MustCompile(`link/ether (\S+)`).FindStringSubmatch(ip(t, line))
	if m == nil {
		t.Fatalf("no hardware address of eth0 on %q", host)
	}
	mac, err := net.ParseMAC(m[1])
	must(t, err)
	return mac
}

// neighbour is what the client believes of addr.
func neighbour(t testing.TB, addr netip.Addr) string {
	return ip(t, "-n client neigh show "+addr.String()+" dev br0")
}

func clientReaches(t testing.TB, addr netip.Addr) error {
	return exec.Command("ip", "netns", "exec", "client", "ping", "-n", "-c1", "-W3", addr.String()).Run()
}

// earAt opens an ear on a host's interface that hears who says that it has addr.
func earAt(t *testing.T, host, dev string, addr netip.Addr) <-chan net.HardwareAddr {
	t.Helper()
	var (
		e   *ear
		err error
	)
	on(t, host, func() {
		var k *kernel
		if k, err = openKernel(); err != nil {
			return
		}
		defer k.close()
		var l link
		if l, err = k.linkNamed(dev); err == nil {
			e, err = openEar(l, addr)
		}
	})
	must(t, err)
	t.Cleanup(e.close)
	return e.heard
}

// claimFrom has a host say once on dev that it has addr.
func claimFrom(t *testing.T, host, dev string, addr netip.Addr) {
	t.Helper()
	var err error
	on(t, host, func() {
		var k *kernel
		if k, err = openKernel(); err != nil {
			return
		}
		defer k.close()
		var (
			l link
			w *voice
		)
		if l, err = k.linkNamed(dev); err != nil {
			return
		}
		if w, err = openVoice(l, addr); err != nil {
			return
		}
		defer w.close()
		err = w.announce()
	})
	must(t, err)
}
