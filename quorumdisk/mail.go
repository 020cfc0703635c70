package quorumdisk

import "locum/wire"

// mail is the mailboxes of one disk: what this node has put into others', and found in its own. A slot says to whom its node has
// written, so that nobody reads a mailbox in which nothing new lies.
type mail struct {
	sent  [wire.MaxNodes]Pill // to node 1 and so on; zero: not known
	found [wire.MaxNodes]Pill // from node 1 and so on
	slots [wire.MaxNodes]Slot // that said so when it was read
}

// missing is a node whose mailbox does not hold what it should, 0 if there is none. A pill that is not wanted any more is left where it
// lies: it says itself when it is void.
func (m *mail) missing(wanted *[wire.MaxNodes]Pill) wire.Node {
	for i, p := range wanted {
		if !p.IsZero() && m.sent[i] != p {
			return wire.Node(i + 1)
		}
	}
	return 0
}

// Post has a pill lie in a node's mailbox from the next round on; the zero one withdraws it.
func (d *Desk) Post(to wire.Node, p Pill) { d.pills[to-1] = p }

func (d *Desk) mailTo() (set wire.Nodes) {
	for i, p := range d.pills {
		if !p.IsZero() {
			set = set.With(wire.Node(i + 1))
		}
	}
	return set
}

// fetchMail reads this node's mailboxes where a slot that has moved says that there is something in one.
func (d *Desk) fetchMail(disk int, slots []Sight) []Action {
	m, call := &d.disk[disk].mail, false
	for i, s := range slots {
		if s.Err == nil && s.Slot.Mail.Has(d.set.Self) && s.Slot != m.slots[i] {
			m.slots[i], call = s.Slot, true
		}
	}
	if !call {
		return nil
	}
	return []Action{d.act(disk, Action{Do: ReadMail})}
}

// Bound gives a pill that binds this node, and who wrote it; one disk that shows it is enough, since it is sealed, and names the life that
// it is meant for.
func (d *Desk) Bound(boot wire.ID, admitted wire.Epoch) (p Pill, from wire.Node) {
	for i := range d.set.Disks {
		found := &d.disk[i].mail.found // at each round, so without a copy
		for n := range found {
			if found[n].Binds(boot, d.set.Incarnation, admitted) {
				return found[n], wire.Node(n + 1)
			}
		}
	}
	return Pill{}, 0
}
