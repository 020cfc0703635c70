package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"locum/cluster"
	"locum/config"
	"locum/quorumdisk"
	"locum/wire"
)

// The files of keys: each path holds a key of its own, the same on all machines, unless a script says otherwise.

// keyIn is the key that a machine has in a file; ok is false if it has none there.
func (n *node) keyIn(path string) (k wire.Key, ok bool) {
	content := n.contentOf(path)
	return keyNamed(content), content != ""
}

// keyNamed makes a key of a name.
func keyNamed(name string) wire.Key {
	sum := sha256.Sum256([]byte("a key of the world: " + name))
	k, err := wire.ParseKey([]byte(hex.EncodeToString(sum[:])))
	if err != nil {
		panic("the world's own key is no key: " + err.Error())
	}
	return k
}

// keys are those that the file in force names, as far as the machine has them; without the first no heart can begin.
func (n *node) keys() (list []wire.Key) {
	for i, path := range n.config.KeyFiles() {
		k, ok := n.keyIn(path)
		if !ok && i == 0 {
			return nil
		}
		if ok {
			list = append(list, k)
		}
	}
	return list
}

// readKeys plays the daemon that reads the keys of a new file.
func (n *node) readKeys(a cluster.ReadKeys) {
	ev := cluster.KeysRead{ID: a.ID}
	for _, path := range a.Files {
		k, ok := n.keyIn(path)
		if !ok {
			ev.Why = fmt.Sprintf("key %s does not exist", path)
			break
		}
		p, err := k.Print()
		if err != nil {
			panic(err)
		}
		ev.Prints = append(ev.Prints, p)
	}
	n.later(0, ev)
}

// commandKey: key NODE FILE missing|same|as OTHER: what the machine has in the file of a key.
func (w *World) commandKey(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	switch {
	case args[2] == "same":
		delete(n.keyFiles, args[1])
	case args[2] == "missing":
		n.keyFiles[args[1]] = ""
	case args[2] == "as" && len(args) == 4:
		n.keyFiles[args[1]] = args[3]
	default:
		return fmt.Errorf("want missing, same, or as OTHER")
	}
	return nil
}

// marks tell with which key the sectors of a disk are sealed: those of each node, and what no node writes. (A pill that cannot be
// read orders nothing, so that mailboxes need none.)
type marks struct {
	slotMarks, claimMarks []wire.KeyPrint // of node 1 and so on
	rest                  wire.KeyPrint
}

func newMarks(nodes int, p wire.KeyPrint) marks {
	return marks{slotMarks: slices.Repeat([]wire.KeyPrint{p}, nodes), claimMarks: slices.Repeat([]wire.KeyPrint{p}, nodes), rest: p}
}

// printOf is the print of the key with which all is sealed by a file.
func printOf(cfg *config.Config) wire.KeyPrint {
	p, err := keyNamed(cfg.KeyFile).Print()
	if err != nil {
		panic(err)
	}
	return p
}

// reseal seals anew what a node may, and tells how much is left that is sealed with another key.
func (m *marks) reseal(by wire.Node, with wire.KeyPrint, a quorumdisk.Action) (stale int) {
	one := func(mark *wire.KeyPrint, writer wire.Node) {
		switch {
		case *mark == with:
		case writer == by, a.Rest && !a.Nodes.Has(writer):
			*mark = with
		default:
			stale++
		}
	}
	one(&m.rest, 0)
	for i := range m.slotMarks {
		one(&m.slotMarks[i], wire.Node(i+1))
		one(&m.claimMarks[i], wire.Node(i+1))
	}
	return stale
}

// commandMendKeys: an operator does what nodes tell him that missed the replacement of the key: he brings the file that is in force elsewhere, and
// the keys that it names, and starts locum anew there.
func (w *World) commandMendKeys([]string) error {
	var newest *config.Config
	w.each(func(n *node) {
		if newest == nil || n.config.AppliedAfter(newest) {
			newest = n.config
		}
	})
	w.each(func(n *node) {
		sealsWith := n.contentOf(n.config.KeyFile)
		accepts := func(c *config.Config, content string) bool {
			return slices.ContainsFunc(c.KeyFiles(), func(file string) bool { return n.contentOf(file) == content })
		}
		if n.config == newest || accepts(newest, sealsWith) && accepts(n.config, newest.KeyFile) {
			return
		}
		w.log(n, "an operator brings the file that is in force elsewhere, and its keys")
		clear(n.keyFiles)
		n.config = newest
		n.bounceHeart()
	})
	return nil
}

// contentOf names the key that a machine has in a file.
func (n *node) contentOf(path string) string {
	if own, said := n.keyFiles[path]; said {
		return own
	}
	return path
}
