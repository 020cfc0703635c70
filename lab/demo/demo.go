package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"locum/lab"
	"locum/wire"
)

// Options say how the demo is run.
type Options struct {
	Keep   bool   // leave the world to play with, until ctx ends
	Binary string // the locum to show; "" is the program that is running
}

// Main has to be called first in main: the demo's nodes are copies of the program.
func Main() { lab.Main() }

// patience is how long each step of the demo may take; every one takes less than 5 s.
const patience = 20 * time.Second

// probeEvery is how often the client asks.
const probeEvery = 2 * time.Millisecond

// stage is the world of the demo and everything that watches it.
type stage struct {
	*screen
	world  *lab.World
	client *lab.Prober
	cable  *lab.Cable // the serial one
	disk   bool       // the nodes share a quorum disk
	ear    *ear
	mu     sync.Mutex
	locums map[string]*lab.Process // the newest on each node
	pace   time.Duration           // how long a reader is given before a scene
}

// Run plays the demo, and writes it to out. It returns an error if a step did not happen, if the service was ever on two
// nodes, or when ctx ends before the end. Everything that it made is gone when it returns.
func Run(ctx context.Context, out io.Writer, o Options) error {
	return run(ctx, out, o, 1500*time.Millisecond)
}

func run(ctx context.Context, out io.Writer, o Options, pace time.Duration) (err error) {
	if o.Binary == "" {
		o.Binary = "/proc/self/exe"
	}
	s := &stage{screen: &screen{out: out, zero: lab.Now()}, locums: map[string]*lab.Process{}, pace: pace}
	world, err := lab.New(lab.Options{Nodes: 2, Programs: map[string]string{"locum": o.Binary}})
	if errors.Is(err, lab.ErrNotRoot) {
		return fmt.Errorf("the demo makes network namespaces, which needs root; type: sudo locum demo")
	}
	if err != nil {
		return err
	}
	s.world = world
	if s.cable, err = lab.NewCable(baud); err != nil {
		return errors.Join(err, world.Close())
	}
	watching, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	defer func() {
		stop()
		watchers.Wait()
		if s.client != nil {
			_, wrong := s.client.Stop()
			err = errors.Join(err, wrong)
		}
		err = errors.Join(err, world.Close(), s.cable.Close(), s.err)
	}()
	if s.client, err = world.Probe(netip.AddrPortFrom(vip, servicePort), probeEvery); err != nil {
		return err
	}
	s.ear = &ear{screen: s.screen, since: lab.Now()}
	watchers.Go(func() { s.settle(watching) })
	watchers.Go(func() { watchClient(watching, s.screen, s.client) })
	watchers.Go(func() { watchPower(watching, s.screen, world.Power) })
	for _, n := range world.Nodes {
		watchers.Go(func() { s.ear.follow(watching, n) })
	}
	if err := s.play(ctx); err != nil {
		if ctx.Err() != nil { // also when that is why it failed
			return errors.New("the demo was interrupted")
		}
		return fmt.Errorf("%w\n%s", err, s.logs())
	}
	if o.Keep {
		s.keep(ctx)
	}
	return nil
}

// play is the demo from its first sentence to its table.
func (s *stage) play(ctx context.Context) error {
	if err := s.raise(ctx); err != nil {
		return err
	}
	lost, err := s.lose(ctx)
	if err != nil {
		return err
	}
	death, err := s.death(ctx)
	if err != nil {
		return err
	}
	if err := s.repair(ctx, s.world.Node(death.old)); err != nil {
		return err
	}
	split, err := s.split(ctx)
	if err != nil {
		return err
	}
	if err := s.oneOwner(); err != nil {
		return err
	}
	s.table(lost, death, split)
	return nil
}

// raise makes the cluster and waits until it serves.
func (s *stage) raise(ctx context.Context) error {
	s.disk = s.world.ShareDisk("quorum") == nil // an older kernel has none for a tmpfs
	s.say("locum demo: two nodes, joined by a network, by a serial cable and by a disk, a client and a power switch, as real processes in namespaces of this machine. " +
		"Nothing is sent on your network, and nothing stays when it ends. Both nodes have this file:")
	for line := range strings.Lines(file(s.world, s.cable.Devices, s.disk)) {
		if len(line) > width-4 {
			line = strings.TrimLeft(wrap(line, "", "             "), " ")
		}
		s.print("    " + line)
	}
	s.print("\n")
	s.say("The client asks the service web, at %s, every %s. On the left is the time, and who says or sees it.", vip, probeEvery)
	s.title("The cluster starts")
	if err := lay(s.world, s.cable.Devices, s.disk); err != nil {
		return err
	}
	for _, n := range s.world.Nodes {
		n.OnBoot = s.serve
		if err := n.Boot(); err != nil {
			return err
		}
	}
	if s.disk {
		if out, err := s.world.Nodes[0].Exec(ctx, "locum", "disk", "init", "--config", configFile); err != nil {
			return fmt.Errorf("locum disk init: %w\n%s", err, out)
		}
	}
	for _, n := range s.world.Nodes {
		if err := s.serve(n); err != nil {
			return err
		}
	}
	if err := s.await(ctx, "the service is answered", func() bool { _, ok := s.client.Last(); return ok }); err != nil {
		return err
	}
	return s.awaitMembers(ctx)
}

// serve starts locum on a node that was booted.
func (s *stage) serve(n *lab.Node) error {
	p, err := start(n)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locums[n.Name] = p
	return nil
}

// awaitMembers waits until each node says that it is quorate and that both are members.
func (s *stage) awaitMembers(ctx context.Context) error {
	return s.await(ctx, "both nodes are members", func() bool {
		for _, n := range s.world.Nodes {
			if !whole(ctx, n) {
				return false
			}
		}
		return true
	})
}

// whole asks a node, by its own command, whether it is quorate with all nodes, and sees them on the disk if there is one.
func whole(ctx context.Context, n *lab.Node) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	out, err := n.Exec(ctx, "locum", "status", "--json")
	if err != nil {
		return false
	}
	var reply struct {
		Status struct {
			Quorate bool `json:"quorate"`
			Nodes   []struct {
				State string `json:"state"`
			} `json:"nodes"`
			Disk *struct {
				Usable  bool     `json:"usable"`
				NotSeen []string `json:"not_seen"`
			} `json:"disk"`
		} `json:"status"`
	}
	if json.Unmarshal(out, &reply) != nil || !reply.Status.Quorate || len(reply.Status.Nodes) < 2 {
		return false
	}
	if d := reply.Status.Disk; d != nil && (!d.Usable || len(d.NotSeen) > 0) {
		return false
	}
	for _, node := range reply.Status.Nodes {
		if node.State != "member" {
			return false
		}
	}
	return true
}

// await looks until it is so.
func (s *stage) await(ctx context.Context, what string, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !so() {
		if !tick(ctx) {
			return fmt.Errorf("this did not happen within %s: %s", patience, what)
		}
		if name := s.ended(); name != "" {
			return fmt.Errorf("locum ended on %s, before this happened: %s", name, what)
		}
	}
	return nil
}

// ended is a node that is on and whose locum has ended, "" if there is none.
func (s *stage) ended() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.locums {
		select {
		case <-p.Ended():
			if s.world.Node(name).On() {
				return name
			}
		default:
		}
	}
	return ""
}

// rest gives a reader time.
func (s *stage) rest(ctx context.Context) {
	select {
	case <-time.After(s.pace):
	case <-ctx.Done():
	}
}

// oneOwner checks what was seen from outside: never two nodes with the address, never answers by turns.
func (s *stage) oneOwner() error {
	if err := s.world.Observer.OneOwner(vip); err != nil {
		return err
	}
	if both := s.client.SoFar().Both(lab.Tenures(s.world.Observer.Sights(), vip)); len(both) > 0 {
		return fmt.Errorf("two nodes answered the client by turns, %d times", len(both))
	}
	return s.world.Power.Err()
}

// holder is the node that holds the service address, since when.
func (s *stage) holder() (*lab.Node, wire.Instant) {
	name, since := s.world.Observer.Holder(vip)
	return s.world.Node(name), since
}

// logs is what the nodes' locum said last, for a demo that failed.
func (s *stage) logs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, n := range s.world.Nodes {
		if p := s.locums[n.Name]; p != nil {
			lines := strings.Split(strings.TrimSpace(p.Output()), "\n")
			fmt.Fprintf(&b, "the last words of %s:\n%s\n", n.Name, indent(strings.Join(lines[max(0, len(lines)-15):], "\n")))
		}
	}
	return b.String()
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ") + "\n"
}
