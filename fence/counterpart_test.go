package fence

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// counterpart is a real device, in a process of its own.
type counterpart struct {
	process *os.Process
	line    config.Fence
	state   func() (wire.Power, error) // what is so, from the side of the device; nil where the device has to be asked
}

// answersLate has a device say nothing until its time is over: nothing is known then. Once it goes on, and finds what it was told, it is asked anew, and
// what it says is about that question: no late answer to an older one counts.
func (c counterpart) answersLate(t *testing.T) {
	t.Helper()
	l := ladder(t, []config.Fence{within(c.line, brisk)})
	c.signal(t, syscall.SIGSTOP)
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeUnknown {
		t.Errorf("a device that says nothing: %s: %s", got, text)
	}
	if power, _ := l.Read(context.Background()); power != wire.PowerUnknown {
		t.Errorf("a device that says nothing is %s", power)
	}
	c.signal(t, syscall.SIGCONT)
	patient := ladder(t, []config.Fence{c.line})
	answers(t, func() error {
		said, readings := patient.Read(context.Background())
		if said == wire.PowerUnknown {
			return fmt.Errorf("%+v", readings)
		}
		if c.state == nil {
			return nil
		}
		if is, err := c.state(); err != nil || is != said { // what it was told may take effect between the two looks
			return fmt.Errorf("it says %s and is %s (%v)", said, is, err)
		}
		return nil
	})
	if got, text := patient.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Errorf("once it goes on: %s: %s", got, text)
	}
	if err := patient.On(context.Background()); err != nil {
		t.Error(err)
	}
}

// signal goes to the device and all that it has started.
func (c counterpart) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-c.process.Pid, s); err != nil {
		t.Fatal(err)
	}
}

// stateOf reads a file of the device's that says on or off by these words.
func stateOf(file, on, off string) func() (wire.Power, error) {
	return func() (wire.Power, error) {
		text, err := os.ReadFile(file)
		switch strings.TrimSpace(string(text)) {
		case on:
			return wire.PowerOn, err
		case off:
			return wire.PowerOff, err
		}
		return wire.PowerUnknown, fmt.Errorf("%s says %q (%v)", file, text, err)
	}
}

func TestAnSNMPSwitchThatAnswersLate(t *testing.T) {
	inside(t, "snmpd", func(t *testing.T) {
		s := startSNMP(t)
		state := stateOf(filepath.Join(s.dir, ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.2"), "1", "2")
		counterpart{s.process, s.line(t, "apc-snmp"), state}.answersLate(t)
	})
}

func TestABoardThatAnswersLateByIPMI(t *testing.T) {
	inside(t, "ipmi_sim", func(t *testing.T) {
		b := startBoard(t)
		counterpart{b.process, b.line(t), stateOf(filepath.Join(b.dir, "power"), "1", "0")}.answersLate(t)
	})
}

func TestAHostThatAnswersLate(t *testing.T) {
	inside(t, "libvirtd", func(t *testing.T) {
		h := startHost(t)
		_, forget := h.keep(t)
		defer forget()
		counterpart{process: h.process, line: h.line("test+tcp://" + deviceAddress + "/default")}.answersLate(t)
	})
}

// TestABoardSwitchesAWholeMachine: the machine is QEMU, and it is gone when the board says off.
func TestABoardSwitchesAWholeMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while: make test, or go test without -short, runs it")
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skipf("the machine is played by QEMU (qemu-system-x86): %v", err)
	}
	inside(t, "ipmi_sim", func(t *testing.T) {
		b := startBoardOf(t, "testdata/machine.sh")
		l := ladder(t, []config.Fence{b.line(t)})
		if power, readings := l.Read(context.Background()); power != wire.PowerOff {
			t.Fatalf("%s: %+v", power, readings)
		}
		if err := l.On(context.Background()); err != nil {
			t.Fatal(err)
		}
		pid := strings.TrimSpace(read(t, filepath.Join(b.dir, "pid")))
		machine, err := os.Readlink("/proc/" + pid + "/exe")
		if err != nil || !strings.Contains(machine, "qemu") {
			t.Fatalf("no machine runs: %q, %v", machine, err)
		}
		if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
			t.Fatalf("%s: %s", got, text)
		}
		// The board says off once it has sent SIGKILL, after which the machine does nothing any more; that it is gone takes a moment.
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			status, err := os.ReadFile("/proc/" + pid + "/status")
			if err != nil || strings.Contains(string(status), "State:\tZ") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the board says off, and the machine is there:\n%s", status)
			}
		}
	})
}

// fence_ipmilan and fence_apc_snmp speak by ipmitool and net-snmp to the devices that locum's own types are tried on.
func TestFenceIpmilanSwitchesABoard(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while: make test, or go test without -short, runs it")
	}
	inside(t, "ipmi_sim", func(t *testing.T) {
		needProgram(t, "ipmitool")
		b := startBoard(t)
		keys := map[string]string{"ip": deviceAddress, "username": "locum", "password-file": secretFile(t, "s3cret"), "lanplus": "1", "cipher": "3", "power-timeout": "3", "login-timeout": "3"}
		agentOnADevice(t, debian(t, "fence_ipmilan", keys), stateOf(filepath.Join(b.dir, "power"), "1", "0"), func(manner string) { b.write(t, "manner", manner) })
	})
}

func TestFenceApcSnmpSwitchesAnOutlet(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while: make test, or go test without -short, runs it")
	}
	inside(t, "snmpd", func(t *testing.T) {
		needProgram(t, "snmpget")
		s := startSNMP(t)
		keys := map[string]string{"ip": deviceAddress, "plug": "2", "community-file": secretFile(t, "s3cret-community"), "snmp-version": "2c", "power-timeout": "3", "snmp-timeout": "3"}
		agentOnADevice(t, debian(t, "fence_apc_snmp", keys), stateOf(filepath.Join(s.dir, ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.2"), "1", "2"), func(manner string) { s.write(t, "manner", manner) })
	})
}

// agentOnADevice is on, off, status, a wrong secret, no answer in time, and refusal, for an agent whose device is all right.
func agentOnADevice(t *testing.T, f config.Fence, state func() (wire.Power, error), behave func(manner string)) {
	t.Helper()
	l := ladder(t, []config.Fence{f})
	if power, readings := l.Read(context.Background()); power != wire.PowerOn {
		t.Fatalf("%s: %+v", power, readings)
	}
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Fatalf("%s: %s", got, text)
	}
	if is, err := state(); is != wire.PowerOff {
		t.Fatalf("confirmed off, and it is %s (%v)", is, err)
	}
	if err := l.On(context.Background()); err != nil {
		t.Fatal(err)
	}
	if is, err := state(); is != wire.PowerOn {
		t.Fatalf("switched on, and it is %s (%v)", is, err)
	}
	for _, manner := range []string{"deaf", "stubborn"} {
		behave(manner)
		if got, text := ladder(t, []config.Fence{within(f, 4*time.Second)}).Off(context.Background(), always); got == wire.OutcomeDone {
			t.Errorf("%s: %s: %s", manner, got, text)
		}
	}
	behave("")
	if got, text := ladder(t, []config.Fence{within(f, 50*time.Millisecond)}).Off(context.Background(), always); got != wire.OutcomeUnknown {
		t.Errorf("no answer in time: %s: %s", got, text)
	}
	for key := range f.Keys {
		if strings.HasSuffix(key, "-file") {
			f.Keys[key] = secretFile(t, "wr0ng-secret")
		}
	}
	got, text := ladder(t, []config.Fence{f}).Off(context.Background(), always)
	if got != wire.OutcomeUnknown || strings.Contains(text, "wr0ng-secret") {
		t.Errorf("a wrong secret: %s: %s", got, text)
	}
	if is, err := state(); is != wire.PowerOn {
		t.Errorf("a wrong secret, and it is %s (%v)", is, err)
	}
}

func needProgram(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(err)
	}
}
