package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"locum/lab"
	"locum/wire"
)

// window is "dead": how long a node has to be silent.
const window = 300 * time.Millisecond

// patience is how long a step of a measurement may take.
const patience = 20 * time.Second

var vip = netip.MustParseAddr("192.0.2.100")

// file is what differs between the files that are measured with.
type file struct{ tiebreak, services string }

func (f file) text(w *lab.World) string {
	text := fmt.Sprintf("cluster bench\nkey %s/locum.key\nnode 1 alpha\nnode 2 beta\nbeat every=%s dead=%s\n"+
		"path udp lan alpha=192.0.2.1 beta=192.0.2.2\ntiebreak %s\n%s", lab.NodeDir, window/3, window, f.tiebreak, f.services)
	if strings.Contains(f.tiebreak, "fence") {
		for _, n := range w.Nodes {
			text += fmt.Sprintf("fence %s plug type=http timeout=200ms holdup=0s url-off=%s url-status=%s\n", n.Name, w.Power.URL(n.Name, "off"), w.Power.URL(n.Name, "status"))
		}
	}
	return text
}

// bed is a cluster that serves, and a client.
type bed struct {
	world  *lab.World
	client *lab.Prober
	locums []*lab.Process // in order of the nodes
}

// begin makes a cluster and waits until it is whole, with the service on alpha.
func begin(ctx context.Context, s settings, f file, every time.Duration) (b *bed, err error) {
	w, err := lab.New(lab.Options{Nodes: 2, Programs: map[string]string{"locum": s.binary}})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	b = &bed{world: w}
	random := make([]byte, wire.KeySize)
	rand.Read(random)
	key, err := wire.NewKey(random)
	if err != nil {
		return nil, err
	}
	for _, n := range w.Nodes {
		if err := n.WriteFile("locum.conf", []byte(f.text(w)), 0o644); err != nil {
			return nil, err
		}
		if err := n.WriteFile("locum.key", []byte(key), 0o600); err != nil {
			return nil, err
		}
		if err := n.Boot(); err != nil {
			return nil, err
		}
	}
	if f.onDisk() {
		if err := b.makeDisk(ctx); err != nil {
			return nil, err
		}
	}
	for _, n := range w.Nodes {
		p, err := n.Start(nil, "locum", "run", "--config", lab.NodeDir+"/locum.conf", "--node", n.Name, "--state-dir", lab.NodeDir+"/state")
		if err != nil {
			return nil, err
		}
		b.locums = append(b.locums, p)
	}
	// The nodes' own echo answers as long as a node holds the address: what is measured is the address alone.
	if b.client, err = w.Probe(netip.AddrPortFrom(vip, lab.EchoPort), every); err != nil {
		return nil, err
	}
	return b, b.await(ctx, "alpha serves, and both are members", func() bool {
		a, ok := b.client.Last()
		return ok && a.Node == "alpha" && b.whole(ctx, f.onDisk())
	})
}

// onDisk reports whether the file has a quorum disk.
func (f file) onDisk() bool { return strings.HasPrefix(f.tiebreak, "disk") }

// makeDisk makes the disk that the file names: a file in memory, so that what is measured is not the disk.
func (b *bed) makeDisk(ctx context.Context) error {
	if err := b.world.ShareDisk("quorum"); err != nil {
		return err
	}
	out, err := b.world.Nodes[0].Exec(ctx, "locum", "disk", "init", "--config", lab.NodeDir+"/locum.conf")
	if err != nil {
		return fmt.Errorf("locum disk init: %w: %s", err, out)
	}
	return nil
}

func (b *bed) whole(ctx context.Context, onDisk bool) bool {
	for _, n := range b.world.Nodes {
		out, err := n.Exec(ctx, "locum", "status", "--json")
		used := strings.Contains(string(out), `"usable": true`) && !strings.Contains(string(out), `"not_seen"`)
		if err != nil || strings.Count(string(out), `"state": "member"`) != 2 || onDisk && !used {
			return false
		}
	}
	return true
}

func (b *bed) await(ctx context.Context, what string, so func() bool) error {
	for end := time.Now().Add(patience); !so(); {
		if time.Now().After(end) {
			return fmt.Errorf("not within %s: %s; alpha said:\n%s\nbeta said:\n%s", patience, what, b.locums[0].Output(), b.locums[1].Output())
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
