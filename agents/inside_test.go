package agents

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// systemd connects as the daemon does, by the private socket, or, without that, by the bus.
func systemd(t testing.TB, private bool) *Systemd {
	t.Helper()
	needInside(t)
	if !private {
		old := privateSocket
		privateSocket = "unix:path=/no/such/socket"
		t.Cleanup(func() { privateSocket = old })
	}
	s := NewSystemd()
	t.Cleanup(s.Close)
	if l, err := s.connect(context.Background()); err != nil || l.bus == private {
		t.Fatalf("connected by the bus: %v, want %v (%v)", err == nil && l.bus, !private, err)
	}
	return s
}

// install writes a unit and gives its agent. The name is the test's own.
func install(t testing.TB, sys *Systemd, name, text string) Agent {
	t.Helper()
	writeUnit(t, name, text)
	a, err := NewUnit(unitResource(name), sys)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func unitResource(name string) config.Resource {
	return config.Resource{Service: "web", Type: "unit", Args: []string{name}, Start: patience, Stop: patience}
}

func writeUnit(t testing.TB, name, text string) {
	t.Helper()
	file := filepath.Join("/etc/systemd/system", name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "systemctl", "daemon-reload")
	t.Cleanup(func() {
		run(t, "systemctl", "disable", name)
		run(t, "systemctl", "stop", name)
		os.Remove(file)
		run(t, "systemctl", "daemon-reload")
	})
}

func service(lines ...string) string {
	return "[Service]\n" + strings.Join(lines, "\n") + "\n[Install]\nWantedBy=multi-user.target\n"
}

const sleeper = "ExecStart=/bin/sleep 1000"

// mainProcess is the unit's main process.
func mainProcess(t testing.TB, name string) process {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(run(t, "systemctl", "show", "--value", "-p", "MainPID", name)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := readStat(pid)
	if err != nil {
		t.Fatal(err)
	}
	return s.process
}

func eachWay(t *testing.T, body func(t *testing.T, sys *Systemd)) {
	needInside(t)
	t.Run("by the bus", func(t *testing.T) { body(t, systemd(t, false)) })
	t.Run("by the private socket", func(t *testing.T) { body(t, systemd(t, true)) })
}

func TestInsideProcessInAUnit(t *testing.T) {
	eachWay(t, func(t *testing.T, sys *Systemd) {
		processBody(t, func(t *testing.T, r config.Resource) Agent {
			a, err := NewProcess(r, t.TempDir(), sys)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := a.(*unit); !ok {
				t.Fatalf("it is a %T, want a unit", a)
			}
			t.Cleanup(func() { mustStop(t, a) })
			return a
		})
	})
}

func TestInsideProcessInASession(t *testing.T) {
	needInside(t)
	TestProcessInASession(t)
}

func TestInsideUnitRunsFailsAndStops(t *testing.T) {
	eachWay(t, func(t *testing.T, sys *Systemd) {
		a := install(t, sys, "locum-test-plain.service", service(sleeper))
		w := watch(t, a)
		w.until(t, wire.StateStopped)
		mustStart(t, a)
		mustStart(t, a)
		w.until(t, wire.StateRunning, wire.StateStopped)
		mustBe(t, a, wire.StateRunning)
		kill(t, mainProcess(t, "locum-test-plain.service"))
		w.until(t, wire.StateFailed, wire.StateStopped)
		mustBe(t, a, wire.StateFailed)
		mustStart(t, a)
		w.until(t, wire.StateRunning)
		mustStop(t, a)
		w.until(t, wire.StateStopped)
		mustStop(t, a)
		mustBe(t, a, wire.StateStopped)
	})
}

func TestInsideStopOfAFailedUnitLeavesItStopped(t *testing.T) {
	a := install(t, systemd(t, false), "locum-test-bad.service", service("ExecStart=/bin/false", "Type=oneshot"))
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, `"failed"`, "exit-code", "journalctl -u locum-test-bad.service")
	mustBe(t, a, wire.StateFailed)
	mustStop(t, a)
	mustBe(t, a, wire.StateStopped)
}

func TestInsideAUnitThatEndsAtOnceHasNotStarted(t *testing.T) {
	a := install(t, systemd(t, false), "locum-test-once.service", service("ExecStart=/bin/true", "Type=oneshot"))
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "RemainAfterExit=yes")
}

func TestInsideAUnitWhoseConditionDoesNotHoldHasNotStarted(t *testing.T) {
	a := install(t, systemd(t, false), "locum-test-if.service", "[Unit]\nConditionPathExists=/no/such/file\n"+service(sleeper))
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "condition")
}

func TestInsideAUnitThatDoesNotExist(t *testing.T) {
	a, err := NewUnit(unitResource("locum-test-none.service"), systemd(t, false))
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, a, wire.StateStopped)
	mustStop(t, a)
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "no unit of that name")
}

func TestInsideAnEnabledUnitIsRefused(t *testing.T) {
	sys, name := systemd(t, false), "locum-test-enabled.service"
	a := install(t, sys, name, service(sleeper))
	if err := Refusal(patient(t), unitResource(name), sys); err != nil {
		t.Fatalf("while it is disabled: %v", err)
	}
	run(t, "systemctl", "enable", name)
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "systemctl disable "+name)
	mustBe(t, a, wire.StateStopped)
	var r *Refused
	if err := Refusal(patient(t), unitResource(name), sys); !errors.As(err, &r) {
		t.Fatalf("check says %v, want a refusal", err)
	}
	run(t, "systemctl", "disable", name)
	mustStart(t, a)
	mustStop(t, a)
}

func TestInsideAUnitBehindASocketIsRefused(t *testing.T) {
	sys := systemd(t, false)
	a := install(t, sys, "locum-test-behind.service", service(sleeper))
	writeUnit(t, "locum-test-behind.socket", "[Socket]\nListenStream=/run/locum-test-behind\n[Install]\nWantedBy=sockets.target\n")
	run(t, "systemctl", "start", "locum-test-behind.socket")
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "systemctl disable --now locum-test-behind.socket")
}

func TestInsideAUnitThatAnEnabledOneWantsIsRefused(t *testing.T) {
	sys := systemd(t, false)
	a := install(t, sys, "locum-test-needed.service", service(sleeper))
	writeUnit(t, "locum-test-app.service", "[Unit]\nRequires=locum-test-needed.service\n"+service(sleeper))
	mustStart(t, a)
	mustStop(t, a)
	run(t, "systemctl", "enable", "locum-test-app.service")
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "systemctl disable locum-test-app.service")
}

// A timer that is stopped leaves what it has started: a second node's timer would start another.
func TestInsideWhatATimerOrASocketHasStartedIsStoppedWithIt(t *testing.T) {
	sys := systemd(t, false)
	active := func(name string) bool {
		return strings.TrimSpace(run(t, "systemctl", "show", "--value", "-p", "ActiveState", name)) == "active"
	}
	for kind, text := range map[string]string{
		"timer":  "[Timer]\nOnActiveSec=1h\n",
		"socket": "[Socket]\nListenStream=/run/locum-test-job\n",
	} {
		t.Run(kind, func(t *testing.T) {
			const job = "locum-test-job.service"
			writeUnit(t, job, "[Service]\n"+sleeper+"\n")
			a := install(t, sys, "locum-test-job."+kind, text)
			mustStart(t, a)
			run(t, "systemctl", "start", job)
			run(t, "systemctl", "stop", "locum-test-job."+kind)
			mustBe(t, a, wire.StateFailed)
			mustStop(t, a)
			if active(job) {
				t.Error(job + " still runs")
			}
			mustBe(t, a, wire.StateStopped)
		})
	}
}

func TestInsideAUnitThatSystemdRestartsIsFailedAndStaysStopped(t *testing.T) {
	name := "locum-test-restart.service"
	a := install(t, systemd(t, false), name, service(sleeper, "Restart=always", "RestartSec=1h"))
	mustStart(t, a)
	w := watch(t, a)
	w.until(t, wire.StateRunning)
	kill(t, mainProcess(t, name))
	w.until(t, wire.StateFailed, wire.StateStopped)
	mustStop(t, a)
	mustBe(t, a, wire.StateStopped)
}

func TestInsideStopKillsWhatKillModeLeaves(t *testing.T) {
	f := newFifo(t)
	a := install(t, systemd(t, false), "locum-test-left.service", service("KillMode=process",
		"ExecStart=/bin/sh -c 'trap \"\" TERM; sleep 1000 & echo $! >"+f.name+"; trap - TERM; wait'"))
	mustStart(t, a)
	p := f.process(t)
	t.Run("also when systemd alone had stopped the unit", func(t *testing.T) {
		run(t, "systemctl", "stop", "locum-test-left.service")
		mustLive(t, p, true)
		mustBe(t, a, wire.StateFailed)
	})
	mustStop(t, a)
	mustLive(t, p, false)
	mustBe(t, a, wire.StateStopped)
}

func TestInsideAStartPastItsDeadlineIsUnknownUntilStopped(t *testing.T) {
	f := newFifo(t)
	a := install(t, systemd(t, false), "locum-test-slow.service",
		service("ExecStartPre=/bin/sh -c 'echo here >"+f.name+"; exec sleep 1000'", sleeper, "TimeoutStartSec=infinity"))
	ctx, cancel := context.WithCancel(patient(t))
	ended := make(chan error, 1)
	go func() { ended <- a.Start(ctx) }()
	f.line(t)
	cancel()
	wantOutcome(t, <-ended, wire.OutcomeUnknown)
	mustBe(t, a, wire.StateUnknown)
	mustStop(t, a)
	mustBe(t, a, wire.StateStopped)
}

func TestInsideAStopThatNeedsSIGKILLIsDone(t *testing.T) {
	f := newFifo(t)
	a := install(t, systemd(t, false), "locum-test-deaf.service", service("TimeoutStopSec=1s",
		"ExecStart=/bin/sh -c 'trap \"\" TERM; echo $$$$ >"+f.name+"; while :; do sleep 1000; done'"))
	mustStart(t, a)
	p := f.process(t)
	mustStop(t, a)
	mustLive(t, p, false)
	mustBe(t, a, wire.StateStopped)
}

func TestInsideTheBusMayRestartAndSystemdExecuteItselfAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		private bool
		what    []string
	}{
		{"the bus restarts", false, []string{"systemctl", "restart", "dbus"}},
		{"systemd executes itself again, seen by the bus", false, []string{"systemctl", "daemon-reexec"}},
		{"systemd executes itself again, seen by the private socket", true, []string{"systemctl", "daemon-reexec"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := "locum-test-lasting.service"
			a := install(t, systemd(t, c.private), name, service(sleeper))
			mustStart(t, a)
			p := mainProcess(t, name)
			w := watch(t, a)
			w.until(t, wire.StateRunning)
			run(t, c.what[0], c.what[1:]...)
			w.until(t, wire.StateUnknown, wire.StateStopped, wire.StateFailed)
			w.until(t, wire.StateRunning, wire.StateStopped, wire.StateFailed)
			mustLive(t, p, true)
			kill(t, p)
			w.until(t, wire.StateFailed, wire.StateStopped)
			mustStop(t, a)
		})
	}
}

// BenchmarkInsideNoticeAKilledUnit measures from the kill to what Watch tells.
func BenchmarkInsideNoticeAKilledUnit(b *testing.B) {
	b.Run("by the bus", func(b *testing.B) { noticeAKilledUnit(b, systemd(b, false)) })
	b.Run("by the private socket", func(b *testing.B) { noticeAKilledUnit(b, systemd(b, true)) })
}

func noticeAKilledUnit(b *testing.B, sys *Systemd) {
	name := "locum-test-killed.service"
	a := install(b, sys, name, service(sleeper))
	w := watch(b, a)
	var took []time.Duration
	for range b.N {
		if err := a.Start(context.Background()); err != nil {
			b.Fatal(err)
		}
		w.until(b, wire.StateRunning)
		p := mainProcess(b, name)
		from := time.Now()
		kill(b, p)
		w.until(b, wire.StateFailed)
		took = append(took, time.Since(from))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "µs/worst")
	if err := a.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// One of three of these connections found systemd asleep before it was spoken to twice.
func TestInsideThePrivateSocketAnswersEachTime(t *testing.T) {
	needInside(t)
	for i := range 30 {
		l := &link{watchers: make(map[*watcher]struct{})}
		run(t, "systemctl", "show", "-p", "Version")
		ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
		conn, err := dialPrivate(ctx, l)
		cancel()
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conn.Close()
	}
}

// An update of systemd or of the C library has it execute itself again at any time of the night.
func TestInsideStartAndStopOutliveASystemdThatExecutesItselfAgain(t *testing.T) {
	long(t)
	eachWay(t, func(t *testing.T, sys *Systemd) {
		name := "locum-test-slow.service"
		a := install(t, sys, name, service(sleeper, "ExecStartPre=/bin/sleep 2", "ExecStop=/bin/sleep 2"))
		for _, c := range []struct {
			under string
			do    func(context.Context) error
			end   wire.State
		}{{"activating", a.Start, wire.StateRunning}, {"deactivating", a.Stop, wire.StateStopped}} {
			ended := make(chan error, 1)
			go func() { ended <- c.do(patient(t)) }()
			untilUnit(t, name, c.under)
			run(t, "systemctl", "daemon-reexec")
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", c.under, err)
			}
			mustBe(t, a, c.end)
		}
	})
}

func untilUnit(t *testing.T, name, active string) {
	t.Helper()
	for end := time.Now().Add(patience); strings.TrimSpace(run(t, "systemctl", "show", "--value", "-p", "ActiveState", name)) != active; {
		if time.Now().After(end) {
			t.Fatalf("%s is never %s", name, active)
		}
	}
}

// A bus that hangs, or is as busy as if it did, is not systemd: units are started, watched and stopped all the same.
func TestInsideABusThatHangsHoldsNothingUp(t *testing.T) {
	needInside(t)
	sys := NewSystemd()
	t.Cleanup(sys.Close)
	name := "locum-test-hung-bus.service"
	a := install(t, sys, name, service(sleeper))
	w := watch(t, a)
	w.until(t, wire.StateStopped)
	bus := mainProcess(t, "dbus.service")
	mustSignal(t, bus, unix.SIGSTOP)
	t.Cleanup(func() { mustSignal(t, bus, unix.SIGCONT) })
	mustStart(t, a)
	w.until(t, wire.StateRunning)
	kill(t, mainProcess(t, name))
	w.until(t, wire.StateFailed)
	mustStop(t, a)
	sys.Close()
	mustStart(t, a)
	mustStop(t, a)
}

func mustSignal(t *testing.T, p process, s unix.Signal) {
	t.Helper()
	if err := p.kill(s); err != nil {
		t.Error(err)
	}
}

// A unit that dies again and again, and that systemd starts at once, is down half of its time and may never be seen so.
func TestInsideAUnitThatSystemdRestartsAtOnceIsSeenToFail(t *testing.T) {
	long(t)
	for _, pause := range []string{"0", "1ms", "100ms"} {
		t.Run(pause, func(t *testing.T) {
			a := install(t, systemd(t, true), "locum-test-flaps.service", "[Unit]\nStartLimitIntervalSec=0\n"+
				service("ExecStart=/bin/sh -c 'sleep 0.2; exit 1'", "Restart=always", "RestartSec="+pause))
			mustStart(t, a)
			w := watch(t, a)
			w.until(t, wire.StateRunning)
			w.until(t, wire.StateFailed, wire.StateStopped)
			mustStop(t, a)
			mustBe(t, a, wire.StateStopped)
		})
	}
}

// Somebody removes a unit's file, or masks the unit, while it runs: it is still seen, and stopped, and not started again.
func TestInsideAUnitThatLosesItsFileWhileItRuns(t *testing.T) {
	long(t)
	const file = "/etc/systemd/system/locum-test-lost.service"
	for _, c := range []struct {
		name, word string
		lose       func(t *testing.T)
	}{
		{"removed", "there is no unit of that name", func(*testing.T) {}},
		{"masked", "systemctl unmask", func(t *testing.T) {
			if err := os.Symlink("/dev/null", file); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		for _, dies := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, ", dies: ", dies), func(t *testing.T) {
				sys := systemd(t, true)
				if err := os.WriteFile(file, []byte(service(sleeper)), 0o644); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { os.Remove(file); run(t, "systemctl", "daemon-reload") })
				run(t, "systemctl", "daemon-reload")
				a, err := NewUnit(unitResource("locum-test-lost.service"), sys)
				if err != nil {
					t.Fatal(err)
				}
				mustStart(t, a)
				p := mainProcess(t, "locum-test-lost.service")
				w := watch(t, a)
				w.until(t, wire.StateRunning)
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				c.lose(t)
				run(t, "systemctl", "daemon-reload")
				mustBe(t, a, wire.StateRunning)
				if dies {
					kill(t, p)
					w.until(t, wire.StateFailed)
				}
				mustStop(t, a)
				mustLive(t, p, false)
				w.until(t, wire.StateStopped)
				mustBe(t, a, wire.StateStopped)
				wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, c.word)
			})
		}
	}
}
