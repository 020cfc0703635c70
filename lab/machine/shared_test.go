package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The machines of these tests have a vote each and share a quorum disk. The lease is 8 s and the watchdog's time 4 s; both over, and a
// tenth, is proof 2.
const (
	sharedLease = 8 * time.Second
	proof2      = (sharedLease + watchdogTime) * 11 / 10
	sharedFile  = `cluster lab
key /etc/locum.key
node 1 alpha%ALPHA%
node 2 beta
beat every=100ms dead=1s
lease 8s
path udp lan   alpha=192.0.2.1 beta=192.0.2.2
path ethernet cross alpha=eth1 beta=eth1
disk ` + SharedDisk + ` every=500ms dead=2s
tiebreak disk
watchdog /dev/watchdog timeout=%TIMEOUT%
service web nodes=alpha,beta
resource web vip 192.0.2.100/24 dev=eth0
`
)

// withSharedDisk is a pair that has used its quorum disk, changes of the file being pairs of what stands there and what is to; alpha serves, and a
// client asks for it every 5 ms.
func withSharedDisk(t *testing.T, changes ...string) *pair {
	t.Helper()
	file := strings.NewReplacer(append(changes, "%ALPHA%", "", "%TIMEOUT%", "4s")...).Replace(sharedFile)
	needMachines(t)
	img, err := theImage()
	if err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "quorum")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	p := bootPair(t, img.Sharing(disk), file, func(p *pair, n string) []NIC {
		return []NIC{{p.lan, []string{"192.0.2." + n + "/24"}}, {p.cross, []string{"2001:db8::" + n + "/64"}}}
	})
	p.do(p.alpha, "run", "/locum", "disk", "init")
	p.begin()
	p.prober.Close()
	p.prober = Probe(p.lan, vip, 5*time.Millisecond)
	p.serves(p.alpha)
	for _, m := range []*Machine{p.alpha, p.beta} {
		p.until(m.Name+" is armed, and uses the disk with the other", 30*time.Second, func() bool {
			said := p.status(m)
			return strings.Contains(said, "self-fencing: watchdog /dev/watchdog (i6300ESB timer), ") && strings.Contains(said, "quorum disk: usable\n")
		})
	}
	return p
}

// says waits for a machine's locum to say something.
func (p *pair) says(m *Machine, text string, within time.Duration) {
	p.t.Helper()
	p.until(m.Name+" says "+text, within, func() bool { return strings.Contains(m.Console(), text) })
}

// isolate cuts all cables, and gives when.
func (p *pair) isolate() time.Time {
	since := time.Now()
	p.lan.Cut(true)
	p.cross.Cut(true)
	return since
}

// loseDisk has alpha's reads and writes of the quorum disk hang, and waits until it misses them.
func (p *pair) loseDisk() {
	p.t.Helper()
	if err := p.alpha.SlowShared(1); err != nil {
		p.t.Fatal(err)
	}
	p.says(p.alpha, "it does not answer", 20*time.Second)
}

// takesOverByTime waits for beta, which may not have begun before the time of proof 2 was over.
func (p *pair) takesOverByTime(since time.Time, reset time.Duration) {
	p.t.Helper()
	p.handedOver(since, reset)
	p.says(p.beta, "alpha runs nothing: lease over", time.Second)
	for _, o := range p.prober.Since(since) {
		if o.MAC == MAC(p.beta.Number, 0) {
			if after := o.At.Sub(since); after < proof2-tolerance/5 {
				p.t.Errorf("beta answers %s after the cut; lease, watchdog and a tenth are %s", after, proof2)
			}
			break
		}
	}
}

// TestTheLoserOfTheDiskReadsItsPillAndIsReset: alpha serves and does not reach the disk when all cables are cut, so that beta wins. What
// alpha finds when it reaches the disk again ends it, before it would have stopped by itself; its new boot is beta's proof.
func TestTheLoserOfTheDiskReadsItsPillAndIsReset(t *testing.T) {
	p := withSharedDisk(t, "%TIMEOUT%", "120s") // no other reset, and no proof 2, comes meanwhile
	p.loseDisk()
	since := p.isolate()
	p.says(p.beta, "the quorum disk has decided for beta", sharedLease/2)
	if err := p.alpha.SlowShared(0); err != nil {
		t.Fatal(err)
	}
	reset := p.isReset(since, sharedLease/2-tolerance)
	p.says(p.alpha, "beta has written on the quorum disk that this life is to end", time.Second)
	if err := p.alpha.AwaitBoots(2); err != nil {
		t.Fatal(err)
	}
	if owner := p.ownerWithin(100 * time.Millisecond); owner != "" {
		t.Errorf("%s answers, and nothing proves that alpha runs nothing", owner)
	}
	p.do(p.alpha, "begin")
	p.handedOver(since, reset)
	p.says(p.beta, "alpha runs nothing: new boot", time.Second)
}

// TestALoserWithoutTheDiskIsResetAtTheEndOfItsLease: nobody stops what alpha runs, because its engine stands still, and no pill reaches it.
func TestALoserWithoutTheDiskIsResetAtTheEndOfItsLease(t *testing.T) {
	p := withSharedDisk(t)
	p.loseDisk()
	p.do(p.alpha, "signal", p.engine(p.alpha), "19")
	since := p.isolate()
	reset := p.isReset(since, sharedLease)
	if reset < sharedLease-tolerance {
		t.Errorf("alpha was reset %s after the cut, before its lease was over", reset)
	}
	p.takesOverByTime(since, reset)
}

// TestALoserWithoutTheDiskStopsByItself: alpha is well, and stops what it runs in the second half of its lease; nothing is reset.
func TestALoserWithoutTheDiskStopsByItself(t *testing.T) {
	p := withSharedDisk(t)
	p.loseDisk()
	since := p.isolate()
	p.until("alpha does not answer any more", sharedLease, func() bool { return p.owner() == "" })
	p.takesOverByTime(since, time.Since(since))
	if list := p.alpha.Events.Of("RESET", since); len(list) > 0 {
		t.Error("alpha was reset, though nothing ran there any more")
	}
}

// TestAnActiveNodeWhoseHeartStandsStillLosesTheDiskAndIsReset: by its watchdog, and is taken over only when proof 2 says so.
func TestAnActiveNodeWhoseHeartStandsStillLosesTheDiskAndIsReset(t *testing.T) {
	p := withSharedDisk(t)
	p.do(p.alpha, "signal", p.heart(p.alpha), "19")
	since := p.isolate()
	reset := p.isReset(since, watchdogTime)
	p.says(p.beta, "the quorum disk has decided for beta", sharedLease)
	p.takesOverByTime(since, reset)
}

// TestAWinnerOfTheDiskThatDiesIsTakenOver: alpha wins, as all cables are cut, and beta does not claim against it. Then alpha's heart stays
// dead: its slot stands still, beta wins in its turn, and takes over when lease and watchdog are over since alpha's last stamp.
func TestAWinnerOfTheDiskThatDiesIsTakenOver(t *testing.T) {
	p := withSharedDisk(t)
	cut := p.isolate()
	p.says(p.beta, "the quorum disk has decided for alpha", sharedLease)
	p.watched(sharedLease + watchdogTime)
	for _, o := range p.prober.Since(cut) {
		if o.MAC != MAC(p.alpha.Number, 0) {
			t.Fatalf("%s answers against a living winner", o.MAC)
		}
	}
	if p.owner() == "" || len(p.alpha.Events.Of("RESET", cut)) > 0 {
		t.Fatal("the winner of the disk does not serve on")
	}
	p.do(p.alpha, "leave-dead")
	since := time.Now()
	p.do(p.alpha, "signal", p.heart(p.alpha), "9")
	reset := p.isReset(since, watchdogTime)
	p.says(p.beta, "the quorum disk has decided for beta", sharedLease)
	p.takesOverByTime(since, reset)
}

// TestAPausedGuestIsNoProof: its host stops a machine, watchdog and all, for longer than any time of proof 2, and lets it go on. Its line
// says that it is a guest: beta wins the disk and waits, and alpha, for which no time has passed, goes on serving.
func TestAPausedGuestIsNoProof(t *testing.T) {
	p := withSharedDisk(t, "%ALPHA%", " guest=yes")
	since := time.Now()
	if err := p.alpha.Freeze(true); err != nil {
		t.Fatal(err)
	}
	p.says(p.beta, "the quorum disk has decided for beta", sharedLease)
	p.watched(proof2 + proof2/2)
	for _, m := range []*Machine{p.alpha, p.beta} {
		if owner := p.ownerWithin(proof2); owner == MAC(m.Number, 0) {
			t.Errorf("%s answers while alpha is paused", m.Name)
		}
	}
	if said := p.status(p.beta); !strings.Contains(said, "proof that alpha runs nothing") {
		t.Errorf("beta does not say what it waits for:\n%s", said)
	}
	if err := p.alpha.Freeze(false); err != nil {
		t.Fatal(err)
	}
	p.until("somebody serves", 60*time.Second, func() bool { return p.owner() != "" })
	for _, o := range p.prober.Since(since) {
		if o.MAC == MAC(p.beta.Number, 0) && len(p.alpha.Events.Of("RESET", since)) == 0 && !strings.Contains(p.beta.Console(), "alpha runs nothing: ") {
			t.Fatalf("beta answers %s after alpha was paused, without a proof", o.At.Sub(since))
		}
	}
}

// TestAQuorumDiskThatIsUnpluggedIsToldAndUsedOnceItIsBack: out of the machine that serves, which says so and serves on; once it is in again it is used.
func TestAQuorumDiskThatIsUnpluggedIsToldAndUsedOnceItIsBack(t *testing.T) {
	p := withSharedDisk(t)
	since := time.Now()
	if err := p.alpha.PullShared(); err != nil {
		t.Fatal(err)
	}
	p.until("alpha says that it is gone", 30*time.Second, func() bool { return strings.Contains(p.status(p.alpha), "quorum disk: NOT USABLE") })
	p.stays(p.alpha, 5*time.Second, since)
	if said := p.status(p.alpha); !strings.Contains(said, "disk "+SharedDisk+" does not exist; is it plugged in") {
		t.Errorf("alpha does not say what is wrong:\n%s", said)
	}
	if err := p.alpha.PlugShared(); err != nil {
		t.Fatal(err)
	}
	p.until("it is used again", 30*time.Second, func() bool { return strings.Contains(p.status(p.alpha), "quorum disk: usable\n") })
	p.stays(p.alpha, 2*time.Second, since)
}
