package machine

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nfsOptions mount a server's directory without its port mapper and without a lock manager; hard, as a quorum disk wants it.
const nfsOptions = "vers=3,proto=tcp,mountproto=tcp,port=2049,mountport=2049,nolock,hard,timeo=20,retrans=2,noac,addr=192.0.2.2"

// TestAnNFSServerThatHangsMovesNothing: alpha's state directory and the quorum disk of both lie on a server that stands still for a
// while. The hearts beat on, the network carries, so nobody is reset and nothing moves; it is said, and ends.
func TestAnNFSServerThatHangsMovesNothing(t *testing.T) {
	file := strings.Replace(theFile, "lease 4s\n", "", 1) // the default leaves time for the disk
	p := plugPair(t, file+"tiebreak disk\ndisk /mnt/quorum every=500ms dead=2500ms\n", func(p *pair, n string) []NIC {
		return []NIC{{p.lan, []string{"192.0.2." + n + "/24"}}, {p.cross, nil}}
	})
	p.shell(p.beta, "busybox mkdir -p /srv/state")
	server := strings.TrimSpace(p.do(p.beta, "start", "/init", "nfs", "/srv", "0.0.0.0:2049"))
	for _, m := range []*Machine{p.alpha, p.beta} {
		p.until(m.Name+" has mounted it", 20*time.Second, func() bool {
			_, err := m.Do("mount", "192.0.2.2:/srv", "/mnt", "nfs", nfsOptions)
			if err != nil {
				t.Log(err)
			}
			return err == nil
		})
	}
	p.shell(p.alpha, "busybox mount -o bind /mnt/state /var/lib/locum")
	t.Log(p.do(p.alpha, "run", "/locum", "disk", "init", "--config", "/etc/locum.conf"))
	p.begin()
	p.serves(p.alpha)
	told := func(m *Machine, text string) func() bool {
		return func() bool { return strings.Contains(p.status(m), text) }
	}
	p.until("alpha keeps its state there", 20*time.Second, func() bool {
		return strings.TrimSpace(p.shell(p.beta, "busybox ls /srv/state")) != ""
	})
	if told(p.alpha, "the state directory cannot be used")() {
		t.Fatal(p.status(p.alpha))
	}
	since := time.Now()
	p.do(p.beta, "signal", server, strconv.Itoa(int(syscall.SIGSTOP)))
	// A word could be written down neither at alpha nor on the disk, so it is refused, and in time.
	if said, err := p.beta.Do("run", "/locum", "maintenance", "on", "web"); err == nil || !strings.Contains(said+err.Error(), "the quorum disk cannot note it") {
		t.Errorf("a command that nothing can note: %v: %s", err, said)
	}
	p.until("alpha says that its state directory hangs", 40*time.Second, told(p.alpha, "the state directory cannot be used: this node casts no vote"))
	p.until("beta says that the disk does not answer", 40*time.Second, told(p.beta, "does not answer"))
	p.stays(p.alpha, 20*time.Second, since)
	p.do(p.beta, "signal", server, strconv.Itoa(int(syscall.SIGCONT)))
	p.until("alpha can write again", 60*time.Second, func() bool { return !told(p.alpha, "the state directory cannot be used")() })
	p.until("the disk answers beta again", 60*time.Second, func() bool { return !told(p.beta, "does not answer")() })
	for _, word := range []string{"on", "off"} {
		if said, err := p.beta.Do("run", "/locum", "maintenance", word, "web"); err != nil {
			t.Errorf("a command after it: %v: %s", err, said)
		}
	}
	p.stays(p.alpha, 2*time.Second, since)
}
