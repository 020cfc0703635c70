package vip

import (
	"net"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// An engine that comes back, after a crash or a reload, finds the address where it was and starts nothing: it only watches. The
// address has to be announced and defended all the same.
func TestAnAddressThatIsOnlyWatchedIsKept(t *testing.T) {
	for _, prefix := range eachFamily {
		insideCase(t, prefix, func(t *testing.T) {
			hurry()
			former := newVIP(t, prefix, "dev=eth0", "refresh=1h")
			start(t, former)
			former.Close()
			v := newVIP(t, prefix, "dev=eth0", "refresh=1h")
			reported := make(chan net.HardwareAddr, 16)
			v.Claimed = func(mac net.HardwareAddr) { reported <- mac }
			heard := earAt(t, "client", "br0", v.Prefix().Addr())
			states := watch(t, v)
			wantNext(t, states, wire.StateRunning)
			if mac := next(t, heard, "announcement"); mac.String() != macOf(t, "").String() {
				t.Errorf("it is announced at %s", mac)
			}
			drain(heard)
			claimFrom(t, "client", "br0", v.Prefix().Addr())
			if mac := next(t, reported, "word of the claim"); mac.String() != macOf(t, "client", "br0").String() {
				t.Errorf("%s claims it", mac)
			}
			next(t, heard, "answer to the claim")
			drain(heard)
			ip(t, "-n client link set to-node down")
			wantNext(t, states, wire.StateFailed)
			ip(t, "-n client link set to-node up")
			wantNext(t, states, wire.StateRunning)
			next(t, heard, "announcement after the link came up")
		})
	}
}

// In maintenance somebody takes the address away by hand, and puts it back.
func TestAnAddressThatWasAwayForAWhileIsAnnounced(t *testing.T) {
	for _, prefix := range eachFamily {
		insideCase(t, prefix, func(t *testing.T) {
			hurry()
			v := newVIP(t, prefix, "dev=eth0", "refresh=1h")
			start(t, v)
			states := watch(t, v)
			wantNext(t, states, wire.StateRunning)
			ip(t, "addr del "+prefix+" dev eth0")
			wantNext(t, states, wire.StateStopped)
			heard := earAt(t, "client", "br0", v.Prefix().Addr())
			drain(heard)
			ip(t, "addr add "+prefix+" dev eth0 nodad")
			wantNext(t, states, wire.StateRunning)
			next(t, heard, "announcement")
		})
	}
}

// Whoever has stopped it says nothing more, though it is still watched.
func TestAnAddressThatWasStoppedIsNotKept(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range eachFamily {
			v := newVIP(t, prefix, "dev=eth0", "refresh=1h")
			states := watch(t, v)
			wantNext(t, states, wire.StateStopped)
			for range 20 {
				start(t, v)
				wantNext(t, states, wire.StateRunning)
				must(t, v.Stop(t.Context()))
				wantNext(t, states, wire.StateStopped)
			}
			heard := earAt(t, "client", "br0", v.Prefix().Addr())
			if n := drain(heard); n != 0 {
				t.Errorf("%d announcements after it was stopped", n)
			}
		}
	})
}

// A machine that has no room for a socket just then has it a moment later, and nothing about the address changes meanwhile.
func TestAnAddressThatCouldNotBeKeptAtOnceIsKeptALittleLater(t *testing.T) {
	inside(t, func(t *testing.T) {
		hurry()
		v := newVIP(t, eachFamily[0], "dev=eth0", "refresh=1h")
		troubles := make(chan error, 64)
		v.Trouble = func(err error) { troubles <- err }
		states := watch(t, v)
		wantNext(t, states, wire.StateStopped)
		heard := earAt(t, "client", "br0", v.Prefix().Addr())
		by := exec.Command("sh", "-c", "read x; exec ip addr add "+eachFamily[0]+" dev eth0")
		word, err := by.StdinPipe()
		must(t, err)
		must(t, by.Start())
		var room unix.Rlimit
		must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &room))
		must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1, Max: room.Max}))
		_, err = word.Write([]byte("\n"))
		must(t, err)
		next(t, troubles, "trouble")
		must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &room))
		must(t, by.Wait())
		wantNext(t, states, wire.StateRunning)
		next(t, heard, "announcement")
	})
}
