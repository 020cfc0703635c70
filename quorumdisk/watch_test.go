package quorumdisk

import (
	"strings"
	"testing"
	"time"

	"locum/wire"
)

// machines are some that run as node 1, each with a Desk of its own, on one disk that is an array. Node 2 only looks.
type machines struct {
	t     *testing.T
	disk  [2]Slot
	desks []*Desk
	slots []Slot // as each writes it next
	two   Stamps
	saw   []string // what node 2 says of the disk
	dark  error    // why the slot is unreadable, nil if it is not
}

const rounds = wire.Instant(time.Second)

// boot starts a machine in a boot of its own.
func (m *machines) boot(boot byte, life wire.Incarnation) int {
	d := NewDesk(DeskSettings{Self: 1, Incarnation: life, Disks: 1, Every: time.Second, Dead: 5 * time.Second})
	m.desks, m.slots = append(m.desks, &d), append(m.slots, Slot{Incarnation: life, Boot: wire.ID{boot}, Machine: wire.ID{9}})
	return len(m.desks) - 1
}

// round has some machines do a round, one after the other, and node 2 look after the last of them.
func (m *machines) round(now wire.Instant, who ...int) {
	for _, i := range who {
		m.slots[i].Counter++
		m.play(now, i, m.desks[i].Round(now, m.slots[i], false))
	}
	if err := m.two.Saw(SlotRead{Issued: now, Returned: now, ID: DiskID{1}, Slots: []Sight{{Slot: m.disk[0]}, {}}}); err != nil {
		m.saw = append(m.saw, err.Error())
	}
}

func (m *machines) play(now wire.Instant, i int, todo []Action) {
	for len(todo) > 0 {
		a := todo[0]
		e := Ended{Disk: a.Disk, Op: a.Op}
		switch a.Do {
		case WriteSlot:
			m.disk[0], m.dark = a.Slot, nil
		case ReadSlots:
			e.Slots = []Sight{{Slot: m.disk[0], Err: m.dark}, {}}
		case ReadClaims:
			e.Claims = make([]Claim, 2)
		}
		todo = append(todo[1:], m.desks[i].Ended(now+ms, e)...)
	}
}

func (m *machines) good(now wire.Instant, i int) bool { return m.desks[i].Trouble(now, 0) == nil }

func (m *machines) knowsTwin(now wire.Instant, i int) bool {
	err := m.desks[i].Trouble(now, 0)
	return err != nil && strings.Contains(err.Error(), "two machines were started with one number")
}

func newMachines(t *testing.T) *machines { return &machines{t: t, two: NewStamps(2, 1)} }

// A clone that starts while the original is cut off from the cables would be taken for its next boot by whoever reads the slot, and what the original
// runs for gone (SAFETY 7).
func TestACloneWritesNothingWhileTheOriginalWritesAndSaysWhy(t *testing.T) {
	m := newMachines(t)
	original := m.boot(1, 5)
	now := rounds
	for ; now < 10*rounds; now += rounds {
		m.round(now, original)
	}
	clone := m.boot(2, 6)
	for ; now < 30*rounds; now += rounds {
		m.round(now, original, clone)
		if m.disk[0].Boot != (wire.ID{1}) {
			t.Fatalf("at %s the slot is the clone's", time.Duration(now))
		}
	}
	if !m.good(now, original) || !m.knowsTwin(now, clone) || m.desks[clone].Show(now).Good || len(m.saw) != 0 {
		t.Errorf("original %v, clone %v, node 2: %q", m.desks[original].Trouble(now, 0), m.desks[clone].Trouble(now, 0), m.saw)
	}
	stopped := now
	for ; m.disk[0].Boot == (wire.ID{1}); now += rounds {
		m.round(now, clone)
		if now > stopped+20*rounds {
			t.Fatal("the original was stopped, and the clone never writes")
		}
	}
	m.round(now, clone)
	if now < stopped+5*rounds || !m.good(now, clone) || len(m.saw) != 0 {
		t.Errorf("it writes after %s; %v, node 2: %q", time.Duration(now-stopped), m.desks[clone].Trouble(now, 0), m.saw)
	}
}

func TestOfTwoMachinesThatStartAtTheSameMomentOneGoesOn(t *testing.T) {
	for name, lives := range map[string][2]wire.Incarnation{"in one life": {5, 5}, "the first later": {6, 5}, "the second later": {5, 6}} {
		t.Run(name, func(t *testing.T) {
			m := newMachines(t)
			m.disk[0] = Slot{Incarnation: 4, Counter: 77, Boot: wire.ID{3}, Machine: wire.ID{9}}
			a, b := m.boot(1, lives[0]), m.boot(2, lives[1])
			now := rounds
			for ; now < 30*rounds; now += rounds {
				// Both read before either writes.
				m.slots[a].Counter++
				m.slots[b].Counter++
				first, second := m.desks[a].Round(now, m.slots[a], false), m.desks[b].Round(now, m.slots[b], false)
				if second[0].Do == ReadSlots {
					more := m.desks[b].Ended(now+ms, Ended{Op: second[0].Op, Slots: []Sight{{Slot: m.disk[0]}, {}}})
					second = append(more, second[1:]...)
				}
				m.play(now, a, first)
				m.play(now, b, second)
				if m.good(now, a) && m.good(now, b) {
					t.Fatalf("at %s both use the disk", time.Duration(now))
				}
			}
			for i, d := range m.desks {
				if m.good(now, i) {
					continue
				}
				if !m.knowsTwin(now, i) && d.AtLeast() == 0 {
					t.Errorf("machine %d: %v", i+1, d.Trouble(now, 0))
				}
			}
		})
	}
}

// A machine that comes back to the disk looks again: another may have come meanwhile.
func TestAMachineThatWasWithoutTheDiskLooksBeforeItWritesAgain(t *testing.T) {
	m := newMachines(t)
	original := m.boot(1, 5)
	now := rounds
	m.round(now, original)
	now += rounds
	todo := m.desks[original].Round(now, m.slots[original], false)
	m.desks[original].Ended(now, Ended{Op: todo[0].Op, Failed: errNoAnswer})
	clone := m.boot(2, 6)
	for range 10 {
		now += rounds
		m.round(now, clone)
	}
	for range 10 {
		now += rounds
		m.round(now, original, clone)
		if m.disk[0].Boot != (wire.ID{2}) {
			t.Fatal("two machines write one slot")
		}
	}
	if m.good(now, original) || !m.good(now, clone) {
		t.Errorf("original %v, clone %v", m.desks[original].Trouble(now, 0), m.desks[clone].Trouble(now, 0))
	}
}

func TestTheNextLifeOfABootNeedsNoWatching(t *testing.T) {
	m := newMachines(t)
	m.round(rounds, m.boot(1, 5))
	next := m.boot(1, 6)
	m.round(2*rounds, next)
	if !m.good(2*rounds, next) || m.disk[0].Incarnation != 6 {
		t.Errorf("%v: %+v", m.desks[next].Trouble(2*rounds, 0), m.disk[0])
	}
}

// What stands still does so while the path fails too.
func TestAPathThatFailsNowAndThenKeepsNoBootFromTheDisk(t *testing.T) {
	m := newMachines(t)
	m.disk[0] = Slot{Incarnation: 4, Counter: 77, Boot: wire.ID{3}, Machine: wire.ID{9}}
	node, now := m.boot(1, 5), rounds
	for ; !m.good(now, node); now += rounds {
		if now > 20*rounds {
			t.Fatalf("no slot after %s: %v", time.Duration(now), m.desks[node].Trouble(now, 0))
		}
		if now/rounds%3 == 0 {
			todo := m.desks[node].Round(now, m.slots[node], false)
			m.desks[node].Ended(now+ms, Ended{Op: todo[0].Op, Failed: errNoAnswer})
			continue
		}
		m.round(now, node)
		if now < 6*rounds && m.disk[0].Boot == (wire.ID{1}) {
			t.Fatalf("it writes after %s", time.Duration(now))
		}
	}
}

// The original may be writing at that moment, or have another key already.
func TestACloneWritesNothingOverASlotThatItCannotReadForAMoment(t *testing.T) {
	for _, trouble := range []error{Corrupt, OtherKey} {
		m := newMachines(t)
		original := m.boot(1, 5)
		m.round(rounds, original)
		clone, now := m.boot(2, 6), 2*rounds
		for ; now < 30*rounds; now += rounds {
			m.round(now, original)
			if now/rounds%3 == 0 {
				m.dark = trouble
			}
			m.round(now, clone)
			if m.dark = nil; m.disk[0].Boot != (wire.ID{1}) {
				t.Fatalf("%v: at %s the slot is the clone's", trouble, time.Duration(now))
			}
		}
		if !m.knowsTwin(now, clone) || !m.good(now, original) || len(m.saw) != 0 {
			t.Errorf("%v: original %v, clone %v, node 2: %q", trouble, m.desks[original].Trouble(now, 0), m.desks[clone].Trouble(now, 0), m.saw)
		}
	}
}

func TestASlotThatStaysUnreadableIsWrittenAnew(t *testing.T) {
	m := newMachines(t)
	m.dark = Corrupt
	node, now := m.boot(1, 5), rounds
	for ; !m.good(now, node); now += rounds {
		if now > 20*rounds {
			t.Fatalf("no slot after %s: %v", time.Duration(now), m.desks[node].Trouble(now, 0))
		}
		m.round(now, node)
		if now < 6*rounds && m.dark == nil {
			t.Fatalf("it writes after %s", time.Duration(now))
		}
	}
	// What this life has torn itself has nobody else for its writer.
	m.slots[node].Counter++
	todo := m.desks[node].Round(now, m.slots[node], false)
	m.dark = Corrupt
	m.desks[node].Ended(now, Ended{Op: todo[0].Op, Failed: errNoAnswer})
	now += rounds
	if m.round(now, node); !m.good(now, node) {
		t.Errorf("after a write that failed: %v", m.desks[node].Trouble(now, 0))
	}
	// What does not stay readable though it was written is another's, or no disk to go by.
	m.slots[node].Counter++
	todo = m.desks[node].Round(now, m.slots[node], false)
	todo = m.desks[node].Ended(now+ms, Ended{Op: todo[0].Op})
	m.desks[node].Ended(now+2*ms, Ended{Op: todo[0].Op, Slots: []Sight{{Err: OtherKey}, {}}})
	m.dark = OtherKey
	for range 4 {
		now += rounds
		if m.round(now, node); m.dark == nil || m.good(now, node) {
			t.Fatalf("at %s it writes over it", time.Duration(now))
		}
	}
}
