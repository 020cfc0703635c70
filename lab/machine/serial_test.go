package machine

import (
	"encoding/json"
	"testing"
	"time"
)

func TestASerialCableCarriesTheClusterWhenBothNetworksAreCut(t *testing.T) {
	p := newPair(t, serialPath+"watchdog /dev/watchdog timeout=4s\n")
	p.serves(p.alpha)
	p.until("all three paths are up", 20*time.Second, func() bool { return p.pathsUp(p.alpha) == 3 && p.pathsUp(p.beta) == 3 })
	since := time.Now()
	p.lan.Cut(true)
	p.cross.Cut(true)
	p.until("one path is left", 20*time.Second, func() bool { return p.pathsUp(p.alpha) == 1 && p.pathsUp(p.beta) == 1 })
	p.stays(p.alpha, 2*watchdogTime, since) // no lease ran out either
	p.do(p.alpha, "leave-dead")
	since = time.Now()
	p.do(p.alpha, "signal", p.heart(p.alpha), "9")
	p.handedOver(since, p.isReset(since, watchdogTime))
}

// program gives a program of busybox a name of its own, which is what other processes see of it.
func (p *pair) program(m *Machine, name string) string {
	p.t.Helper()
	p.do(m, "run", "/bin/busybox", "ln", "-s", "busybox", "/bin/"+name)
	return "/bin/" + name
}

// serialNote is what a machine's locum says of its serial port.
func (p *pair) serialNote(m *Machine) string {
	p.t.Helper()
	var r struct {
		Paths []struct{ Type, Note string } `json:"paths"`
	}
	if err := json.Unmarshal([]byte(p.do(m, "run", "/locum", "paths", "--json")), &r); err != nil {
		p.t.Fatal(err)
	}
	for _, path := range r.Paths {
		if path.Type == "serial" {
			return path.Note
		}
	}
	p.t.Fatalf("no serial path: %+v", r)
	return ""
}

const serialPath = "path serial null alpha=/dev/ttyS1 beta=/dev/ttyS1 baud=115200\n"

func TestAPortWithALoginPromptOrAnotherProgramIsNamedWithItsHolder(t *testing.T) {
	p := preparePair(t, serialPath)
	getty := p.do(p.alpha, "start", p.program(p.alpha, "getty"), "-L", "115200", "ttyS1", "vt100")
	cat := p.do(p.beta, "start", p.program(p.beta, "cat"), "/dev/ttyS1")
	p.begin()
	p.serves(p.alpha)
	for _, c := range []struct {
		m    *Machine
		want string
	}{
		{p.alpha, "/dev/ttyS1 is held by a login prompt, getty (process " + getty + "); systemctl disable --now serial-getty@ttyS1"},
		{p.beta, "/dev/ttyS1 is held by cat (process " + cat + "); end it, or use another port"},
	} {
		said := ""
		p.until(c.m.Name+" names the holder of its port", 20*time.Second, func() bool { said = p.serialNote(c.m); return said != "" })
		if said != c.want {
			t.Errorf("%s says %q, want %q", c.m.Name, said, c.want)
		}
	}
	p.do(p.alpha, "signal", getty, "9") // before a beat of beta's comes to it, which it would take for a name
	p.do(p.beta, "signal", cat, "9")
	p.until("all three paths are up", 20*time.Second, func() bool { return p.pathsUp(p.alpha) == 3 && p.pathsUp(p.beta) == 3 })
}

func TestAPortThatIsAConsoleOfTheKernelIsRefused(t *testing.T) {
	p := preparePair(t, serialPath, "console=ttyS1")
	p.begin()
	p.serves(p.alpha)
	const want = "/dev/ttyS1 is a console of the kernel; take console=ttyS1 off the kernel's command line and reboot, or use another port"
	for _, m := range []*Machine{p.alpha, p.beta} {
		said := ""
		p.until(m.Name+" says what is wrong with its port", 20*time.Second, func() bool { said = p.serialNote(m); return said != "" })
		if said != want {
			t.Errorf("%s says %q, want %q", m.Name, said, want)
		}
	}
}
