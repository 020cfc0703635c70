package fence

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// simulatedBoard is OpenIPMI's ipmi_sim with a machine that is a file.
type simulatedBoard struct {
	dir     string
	process *os.Process
}

func startBoard(t *testing.T) *simulatedBoard {
	t.Helper()
	return startBoardOf(t, "testdata/chassis.sh")
}

// startBoardOf starts the board of a machine that a script switches.
func startBoardOf(t *testing.T, machine string) *simulatedBoard {
	t.Helper()
	b := &simulatedBoard{dir: t.TempDir()}
	script, err := filepath.Abs(machine)
	if err != nil {
		t.Fatal(err)
	}
	auths := " none md2 md5 straight\n"
	b.write(t, "power", "1")
	b.write(t, "lan.conf", "name \"bmc\"\nset_working_mc 0x20\nstartlan 1\naddr "+deviceAddress+" 623\npriv_limit admin\n"+
		"allowed_auths_callback"+auths+"allowed_auths_user"+auths+"allowed_auths_operator"+auths+"allowed_auths_admin"+auths+
		"guid a123456789abcdefa123456789abcdef\nendlan\nchassis_control \""+script+" "+b.dir+"\"\n"+
		"user 2 true \"locum\" \"s3cret\" admin 10"+auths)
	b.write(t, "emu", "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n")
	b.process = start(t, nil, "ipmi_sim", "-c", filepath.Join(b.dir, "lan.conf"), "-f", filepath.Join(b.dir, "emu"), "-s", b.dir, "-n")
	answers(t, func() error { _, err := device2(t, within(b.line(t), time.Second)); return err })
	return b
}

func (b *simulatedBoard) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *simulatedBoard) line(t *testing.T, keys ...string) config.Fence {
	f := config.Fence{Name: "board", Type: "ipmi", Level: 1, Timeout: patience, Keys: map[string]string{
		"address": deviceAddress, "user": "locum", "password-file": secretFile(t, "s3cret")}}
	for i := 0; i+1 < len(keys); i += 2 {
		f.Keys[keys[i]] = keys[i+1]
	}
	return f
}

func TestABoardIsSwitchedByIPMI(t *testing.T) {
	inside(t, "ipmi_sim", func(t *testing.T) {
		b := startBoard(t)
		for _, keys := range [][]string{nil, {"privilege", "administrator"}} {
			l := ladder(t, []config.Fence{b.line(t, keys...)})
			if power, readings := l.Read(context.Background()); power != wire.PowerOn {
				t.Fatalf("%v: %s: %+v", keys, power, readings)
			}
			if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone || read(t, filepath.Join(b.dir, "power")) != "0\n" {
				t.Fatalf("%v: %s: %s", keys, got, text)
			}
			if err := l.On(context.Background()); err != nil || read(t, filepath.Join(b.dir, "power")) != "1\n" {
				t.Fatalf("%v: %v", keys, err)
			}
		}
		b.bad(t)
	})
}

// bad is what no confirmation may come of.
func (b *simulatedBoard) bad(t *testing.T) {
	for _, tc := range []struct {
		name, manner string
		keys         []string
		want         wire.Outcome
		text         string
	}{
		{"takes the command and does nothing", "deaf", nil, wire.OutcomeFailed, "still on after off"},
		{"refuses to switch off", "stubborn", nil, wire.OutcomeFailed, "still on after off: refuses with completion code"},
		{"a wrong password", "", []string{"password-file", secretFile(t, "wr0ng")}, wire.OutcomeUnknown, "user= or password-file= are wrong"},
		{"an unknown user", "", []string{"user", "nobody"}, wire.OutcomeUnknown, "user= or password-file= are wrong"},
		{"a suite that it has not", "", []string{"cipher", "17"}, wire.OutcomeUnknown, "does not know this cipher suite; write cipher=3"},
		{"nobody there", "", []string{"address", deviceAddress + ":624"}, wire.OutcomeUnknown, "connection refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b.write(t, "manner", tc.manner)
			got, text := ladder(t, []config.Fence{within(b.line(t, tc.keys...), 2*time.Second)}).Off(context.Background(), always)
			if !judged(got, text, tc.want, tc.text) || strings.Contains(text, "s3cret") || strings.Contains(text, "wr0ng") {
				t.Errorf("%s: %s, want %s: %s", got, text, tc.want, tc.text)
			}
		})
	}
}

func TestAPacketOfASessionIsBelievedOnlyWhole(t *testing.T) {
	for name, suite := range ipmiSuites {
		k := ipmiKeys{hash: suite.hash, code: suite.code, integrity: []byte("integrity"), secrecy: bytes.Repeat([]byte{7}, 16)}
		for length := range 40 {
			message := bytes.Repeat([]byte{0xa5}, length)
			p, err := k.seal(42, 7, message)
			if err != nil {
				t.Fatal(err)
			}
			if sequence, got, err := k.open(p, 42); err != nil || sequence != 7 || !bytes.Equal(got, message) {
				t.Fatalf("suite %s, %d bytes: %d, %x, %v", name, length, sequence, got, err)
			}
			for i := range p {
				bad := bytes.Clone(p)
				bad[i] ^= 1
				// The four bytes of RMCP before the format are not under the code; they are compared.
				if _, _, err := k.open(bad, 42); err == nil {
					t.Errorf("suite %s: byte %d of %d may be changed", name, i, len(p))
				}
				if _, _, err := k.open(p[:i], 42); err == nil {
					t.Errorf("suite %s: cut after %d of %d", name, i, len(p))
				}
			}
			if _, _, err := k.open(p, 43); err == nil {
				t.Error("another session's packet counts")
			}
		}
	}
}

func TestAnAnswerByIPMIIsOneToThatVeryRequest(t *testing.T) {
	good := []byte{0x81, 0x04, 0, 0x20, 5 << 2, 0x01, 0, 0x01, 0, 0, 0}
	good[2], good[10] = checksum(good[:2]), checksum(good[3:10])
	if code, data, err := ipmiAnswer(good, 0, 5, 1); code != 0 || !bytes.Equal(data, []byte{1, 0, 0}) || err != nil {
		t.Fatalf("%d, %x, %v", code, data, err)
	}
	for what, ask := range map[string][3]byte{"another function": {6, 5, 1}, "an older request": {0, 4, 1}, "another command": {0, 5, 2}} {
		if _, _, err := ipmiAnswer(good, ask[0], ask[1], ask[2]); !errors.Is(err, errPacket) {
			t.Errorf("%s is answered", what)
		}
	}
}

func TestABoardThatSendsRubbishIsUnknown(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 4))
	address := udpServer(t, func(b []byte) []byte {
		if b[5] == payloadOpenRequest { // a plausible answer, so that the rubbish comes later, too
			a := append([]byte{0, 0, b[17], 0}, b[20:24]...)
			a = append(append(a, 1, 2, 3, 4), b[24:48]...)
			return plainPacket(payloadOpenAnswer, a)
		}
		a := bytes.Clone(b)
		a[5]++
		for range chance.IntN(4) {
			a[chance.IntN(len(a))] = byte(chance.IntN(256))
		}
		return append(a, make([]byte, chance.IntN(60))...)
	})
	f := (&simulatedBoard{}).line(t, "address", address)
	for range 300 {
		d, err := NewIPMI(f, "beta")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Millisecond)
		if power, err := d.Status(ctx); power != wire.PowerUnknown || err == nil {
			t.Errorf("%s, %v", power, err)
		}
		cancel()
	}
}

func FuzzIPMIPacket(f *testing.F) {
	k := ipmiKeys{hash: ipmiSuites["3"].hash, code: 12, integrity: []byte("k"), secrecy: make([]byte, 16)}
	p, _ := k.seal(1, 1, []byte{1, 2, 3})
	f.Add(p)
	f.Add(plainPacket(payloadOpenAnswer, make([]byte, 36)))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = k.open(b, 1)
		_, _ = openPlain(b, payloadOpenAnswer)
		_, _, _ = ipmiAnswer(b, 0, 1, 1)
	})
}

func TestAQuestionByIPMIEndsWhenAShotComes(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	d, err := NewIPMI((&simulatedBoard{}).line(t, "address", silent.LocalAddr().String()), "beta")
	if err != nil {
		t.Fatal(err)
	}
	endsWhenCancelled(t, d, func() { hear(t, silent) })
}

func TestAnIPMILineThatCannotWorkIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, key, value, want string }{
		{"no address", "address", "", "no address="},
		{"a suite without secrecy", "cipher", "0", "there are 3 and 17"},
		{"a privilege that is none", "privilege", "user", "there are operator and administrator"},
		{"a long user", "user", strings.Repeat("x", 17), "room for 16 bytes"},
		{"a long password", "password-file", secretFile(t, strings.Repeat("x", 21)), "20 of the password"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := (&simulatedBoard{}).line(t)
			f.Keys = maps.Clone(f.Keys)
			f.Keys[tc.key] = tc.value
			if _, err := NewIPMI(f, "beta"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
