package lab

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"locum/cluster"
	"locum/console"
	"locum/wire"
)

// locumBinary gives the locum to test: LOCUM_BINARY, or one that is built once for all tests.
var locumBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("LOCUM_BINARY"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "locum-lab")
	if err != nil {
		return "", err
	}
	cleanups = append(cleanups, func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "locum")
	build := exec.Command("go", "build", "-o", path, "locum")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// cleanups are what TestMain has to do at the end.
var cleanups []func()

// Times of the tests' cluster. Every wait below is a multiple of them, and much longer than it needs.
const (
	beatEvery  = 50 * time.Millisecond
	beatDead   = 400 * time.Millisecond
	shootDelay = time.Second
	longWait   = 20 * time.Second // for what must happen
)

// servicePort is where the tests' service answers.
const servicePort = 7007

// theService is a vip and an echo, as resource lines.
const theService = "resource web vip 192.0.2.100/24 dev=eth0\nresource web process /run/lab/locum-lab echo 7007\n"

// lines puts together a file: what is the same in all tests, then tie-break, service and its resources.
func lines(w *World, tiebreak, service, resources string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster lab\nkey %s/locum.key\nbeat every=%s dead=%s\npath udp lan", NodeDir, beatEvery, beatDead)
	for _, n := range w.Nodes {
		fmt.Fprintf(&b, " %s=%s", n.Name, n.Addr)
	}
	fmt.Fprintf(&b, "\ntiebreak %s\nservice web nodes=alpha,beta %s\n%s", tiebreak, service, resources)
	for _, n := range w.Nodes {
		fmt.Fprintf(&b, "node %d %s\n", n.Number, n.Name)
		if strings.Contains(tiebreak, "fence") {
			fmt.Fprintf(&b, "fence %s plug type=http timeout=200ms holdup=0s url-off=%s url-on=%s url-status=%s\n", n.Name,
				w.Power.URL(n.Name, "off"), w.Power.URL(n.Name, "on"), w.Power.URL(n.Name, "status"))
		}
	}
	return b.String()
}

// pair is a cluster of two nodes that serves, and a client that asks every 5 ms.
type pair struct {
	*World
	t           testing.TB
	alpha, beta *Node
	client      *Prober
	mu          sync.Mutex
	locums      map[string]*Process
	mayOverlap  bool // the test is about two owners
}

// newPair makes a cluster and waits until alpha serves and both are members. Unless the test says otherwise, it fails in
// the end if the address ever had two owners.
func newPair(t testing.TB, tiebreak, service, resources string) *pair {
	t.Helper()
	p := makePair(t, tiebreak, service, resources)
	p.serveAll()
	return p
}

// serveAll starts locum on every node, and waits until alpha serves and all are members.
func (p *pair) serveAll() {
	p.t.Helper()
	for _, n := range p.Nodes {
		must(p.t, p.serve(n))
	}
	p.eventually("alpha holds the address", func() bool { p.running(); who, _ := p.Observer.Holder(vip); return who == "alpha" })
	p.owned("alpha")
	p.whole()
}

// makePair makes the machines of a cluster of two, with locum's files and nothing running.
func makePair(t testing.TB, tiebreak, service, resources string) *pair {
	t.Helper()
	return makeNodes(t, 2, tiebreak, service, resources)
}

// makeNodes is makePair for so many nodes; the service may run on the first two.
func makeNodes(t testing.TB, count int, tiebreak, service, resources string) *pair {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	path, err := locumBinary()
	if err != nil {
		t.Fatal("build locum: ", err)
	}
	w, err := New(Options{Nodes: count, Programs: map[string]string{"locum": path}})
	must(t, err)
	p := &pair{World: w, t: t, alpha: w.Nodes[0], beta: w.Nodes[1], locums: map[string]*Process{}}
	t.Cleanup(p.end)
	key := newKey(t)
	for _, n := range w.Nodes {
		must(t, n.WriteFile("locum.conf", []byte(lines(w, tiebreak, service, resources)), 0o644))
		must(t, n.WriteFile("locum.key", []byte(key), 0o600))
		must(t, n.Boot())
		n.OnBoot = p.serve
	}
	p.client, err = w.Probe(netip.AddrPortFrom(vip, servicePort), 5*time.Millisecond)
	must(t, err)
	return p
}

// newKey makes the text of a cluster's key file.
func newKey(t testing.TB) string {
	t.Helper()
	random := make([]byte, wire.KeySize)
	rand.Read(random)
	key, err := wire.NewKey(random)
	must(t, err)
	return key
}

// serve runs locum on a node, as its system would after a boot.
func (p *pair) serve(n *Node) error {
	proc, err := n.Start(nil, "locum", "run", "--config", NodeDir+"/locum.conf", "--node", n.Name, "--state-dir", NodeDir+"/state")
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.locums[n.Name] = proc
	return nil
}

func (p *pair) process(n *Node) *Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.locums[n.Name]
}

// end checks the invariants as they were seen from outside, and shows what the nodes said if the test failed.
func (p *pair) end() {
	p.t.Helper()
	if p.client != nil {
		probes, err := p.client.Stop()
		if err != nil {
			p.t.Error(err)
		}
		if both := probes.Both(Tenures(p.Observer.Sights(), vip)); len(both) > 0 && !p.mayOverlap {
			p.t.Errorf("two nodes answered by turns: %v", both)
		}
	}
	if err := p.Observer.OneOwner(vip); err != nil && !p.mayOverlap {
		p.t.Error(err)
	}
	for _, n := range p.Nodes {
		proc := p.process(n)
		if proc == nil {
			continue
		}
		said := proc.Output()
		if strings.Contains(said, "panic:") || strings.Contains(said, "DATA RACE") {
			p.t.Errorf("locum on %s went wrong", n.Name)
		}
		if p.t.Failed() {
			p.t.Logf("%s said:\n%s", n.Name, said)
		}
	}
	if p.t.Failed() {
		p.t.Logf("seen: %v\npower switch: %v", Tenures(p.Observer.Sights(), vip), p.Power.Log())
	}
	if err := p.World.Close(); err != nil {
		p.t.Error(err)
	}
}

func (p *pair) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), longWait)
	p.t.Cleanup(cancel)
	return ctx
}

func (p *pair) eventually(what string, so func() bool) {
	p.t.Helper()
	for end := time.Now().Add(longWait); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("not within %s: %s", longWait, what)
		}
	}
}

// running fails the test if locum has ended on a node that is on, which most waits would only notice at their end.
func (p *pair) running() {
	p.t.Helper()
	for _, n := range p.Nodes {
		select {
		case <-p.process(n).Ended():
			p.t.Fatalf("locum ended on %s", n.Name)
		default:
		}
	}
}

// owned waits until a node holds the address alone and answers the client.
func (p *pair) owned(node string) {
	p.t.Helper()
	p.eventually(node+" holds the address", func() bool { who, _ := p.Observer.Holder(vip); return who == node })
	since := Now()
	p.eventually(node+" answers the client", func() bool {
		a, ok := p.client.Last()
		return ok && a.Node == node && a.Sent >= since
	})
}

// locum runs one of its commands on a node and gives what it printed and its exit status.
func (p *pair) locum(n *Node, words ...string) (string, int) {
	p.t.Helper()
	out, err := n.Exec(p.context(), append([]string{"locum"}, words...)...)
	var failed *exec.ExitError
	switch {
	case err == nil:
		return string(out), 0
	case errors.As(err, &failed):
		return string(out) + err.Error(), failed.ExitCode()
	}
	p.t.Fatal(err)
	return "", 0
}

// status is what a node says of itself and the cluster, nil if it does not say.
func (p *pair) status(n *Node) *cluster.Status {
	p.t.Helper()
	if !n.On() {
		return nil
	}
	out, code := p.locum(n, "status", "--json")
	var r console.Reply
	if code != 0 && code != console.ExitNotRunning || json.Unmarshal([]byte(out), &r) != nil {
		return nil
	}
	return r.Status
}

// whole waits until each node says that it is quorate and that all are members.
func (p *pair) whole() {
	p.t.Helper()
	for _, n := range p.Nodes {
		p.eventually(n.Name+" says that all are members", func() bool {
			st := p.status(n)
			return st != nil && st.Quorate && !slices.ContainsFunc(st.Nodes, func(x cluster.NodeStatus) bool { return x.State != "member" || !x.Engine })
		})
	}
}

// find is the one process of a node whose command line begins with these words after its path.
func (p *pair) find(n *Node, program string, words ...string) int {
	p.t.Helper()
	all, err := n.Processes()
	must(p.t, err)
	var pids []int
	for _, r := range all {
		if filepath.Base(r.Args[0]) == program && len(r.Args) > len(words) && slices.Equal(r.Args[1:len(words)+1], words) {
			pids = append(pids, r.Pid)
		}
	}
	if len(pids) != 1 {
		p.t.Fatalf("%s %q runs %d times on %s: %v", program, words, len(pids), n.Name, all)
	}
	return pids[0]
}

func (p *pair) engine(n *Node) int { p.t.Helper(); return p.find(n, "locum", "engine") }
func (p *pair) heart(n *Node) int  { p.t.Helper(); return p.process(n).Pid() }
func (p *pair) web(n *Node) int    { p.t.Helper(); return p.find(n, programName, "echo") }

// kill sends a signal to a process by the host's number.
func (p *pair) kill(pid int, s syscall.Signal) {
	p.t.Helper()
	must(p.t, syscall.Kill(pid, s))
}

// kept is what shows that a service on a node was not touched: one tenure of the address, and the process.
type kept struct {
	tenures int
	pid     int
}

func (p *pair) kept(n *Node) kept {
	p.t.Helper()
	return kept{len(Tenures(p.Observer.Sights(), vip)), p.web(n)}
}

// pass lets time go by in which nothing may happen. Too short a time can only hide a failure.
func (p *pair) pass(d time.Duration) {
	select {
	case <-time.After(d):
	case <-p.t.Context().Done():
	}
}
