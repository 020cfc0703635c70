package fence

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"locum/config"
	"locum/wire"
)

// snmpSwitch is a real snmpd with two outlets of each kind of switch, all on; outlet 2 is the node's.
type snmpSwitch struct {
	dir     string
	process *os.Process
}

// ons are the objects that say "on", by kind; those that take commands stand first.
var ons = map[string]map[string]string{
	"apc-snmp":     {"318.1.1.12.3.3.1.1.4": "1", "318.1.1.12.3.5.1.1.4": "1"},
	"apc2-snmp":    {"318.1.1.26.9.2.4.1.5": "1", "318.1.1.26.9.2.3.1.5": "2"},
	"eaton-snmp":   {"534.6.6.7.6.6.1.3.0": "-1", "534.6.6.7.6.6.1.4.0": "-1", "534.6.6.7.6.6.1.2.0": "1"},
	"raritan-snmp": {"13742.6.4.1.2.1.2.1": "1", "13742.6.4.1.2.1.3.1": "7"},
	"snmp":         {"318.1.1.4.4.2.1.3": "1"}, // PowerNet-MIB, sPDUOutletCtl: outletOn(1), outletOff(2)
}

func startSNMP(t *testing.T) *snmpSwitch {
	t.Helper()
	s := &snmpSwitch{dir: t.TempDir()}
	for _, objects := range ons {
		for oid, value := range objects {
			for n := 1; n <= 2; n++ {
				s.write(t, fmt.Sprintf(".1.3.6.1.4.1.%s.%d", oid, n), value)
			}
		}
	}
	script, err := filepath.Abs("testdata/outlets.sh")
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "snmpd.conf", "sysObjectID .1.3.6.1.4.1.318.1.3.4.5\nrwcommunity s3cret-community\ncreateUser locum SHA-256 s3cret-auth AES s3cret-priv\nrwuser locum authpriv\n"+
		"pass_persist .1.3.6.1.4.1.318 "+script+" "+s.dir+"\npass_persist .1.3.6.1.4.1.534 "+script+" "+s.dir+"\npass_persist .1.3.6.1.4.1.13742 "+script+" "+s.dir+"\n")
	s.process = start(t, []string{"SNMP_PERSISTENT_DIR=" + s.dir, "MIBS="}, "snmpd", "-f", "-Le", "-C", "-c", filepath.Join(s.dir, "snmpd.conf"), "-p", filepath.Join(s.dir, "pid"), "udp:"+deviceAddress+":161")
	answers(t, func() error {
		_, err := device2(t, s.line(t, "apc-snmp"))
		return err
	})
	return s
}

func device2(t *testing.T, f config.Fence) (wire.Power, error) {
	ctx, cancel := context.WithTimeout(context.Background(), f.Timeout)
	defer cancel()
	d, err := constructors[f.Type](f, "beta")
	if err != nil {
		t.Fatal(err)
	}
	return d.Status(ctx)
}

func (s *snmpSwitch) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// line is outlet 2's line; further keys follow as pairs, an empty value takes one away.
func (s *snmpSwitch) line(t *testing.T, kind string, keys ...string) config.Fence {
	f := config.Fence{Name: "pdu", Type: kind, Level: 1, Timeout: patience, Keys: map[string]string{
		"address": deviceAddress, "outlet": "2", "community-file": secretFile(t, "s3cret-community")}}
	if kind == "snmp" {
		maps.Copy(f.Keys, map[string]string{"oid-off": "1.3.6.1.4.1.318.1.1.4.4.2.1.3.2", "value-off": "2", "value-on": "1",
			"oid-status": ".1.3.6.1.4.1.318.1.1.4.4.2.1.3.2", "status-off": "2", "status-on": "1"})
	}
	for i := 0; i+1 < len(keys); i += 2 {
		f.Keys[keys[i]] = keys[i+1]
	}
	return f
}

func TestEachKindOfSNMPSwitchIsSwitchedByARealSnmpd(t *testing.T) {
	inside(t, "snmpd", func(t *testing.T) {
		s := startSNMP(t)
		for kind := range ons {
			t.Run(kind, func(t *testing.T) { s.offAndOn(t, s.line(t, kind)) })
		}
		v3 := []string{"community-file", "", "user", "locum", "auth-file", secretFile(t, "s3cret-auth"), "priv-file", secretFile(t, "s3cret-priv")}
		t.Run("version 1", func(t *testing.T) { s.offAndOn(t, s.line(t, "apc-snmp", "version", "1")) })
		t.Run("version 3", func(t *testing.T) { s.offAndOn(t, s.line(t, "apc-snmp", v3...)) })
		s.bad(t, v3)
		t.Run("about to go off is not off", func(t *testing.T) {
			s.write(t, "manner", "")
			s.write(t, ".1.3.6.1.4.1.534.6.6.7.6.6.1.2.0.2", "2") // pendingOff
			if power, err := device2(t, s.line(t, "eaton-snmp")); power != wire.PowerUnknown || err == nil || !strings.Contains(err.Error(), "is 2, neither off (0) nor on (1)") {
				t.Errorf("%s, %v", power, err)
			}
		})
	})
}

func (s *snmpSwitch) offAndOn(t *testing.T, f config.Fence) {
	l := ladder(t, []config.Fence{f})
	if power, readings := l.Read(context.Background()); power != wire.PowerOn {
		t.Fatalf("%s: %+v", power, readings)
	}
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Fatalf("%s: %s", got, text)
	}
	first := f
	first.Keys = maps.Clone(f.Keys)
	first.Keys["outlet"] = "1"
	if power, err := device2(t, first); f.Type != "snmp" && power != wire.PowerOn {
		t.Errorf("the other outlet: %s, %v", power, err)
	}
	if err := l.On(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// bad is what no confirmation may come of.
func (s *snmpSwitch) bad(t *testing.T, v3 []string) {
	for _, tc := range []struct {
		name, manner string
		keys         []string
		want         wire.Outcome
		text         string
	}{
		{"takes the command and does nothing", "deaf", nil, wire.OutcomeFailed, "still on after off"},
		{"refuses to switch off", "stubborn", nil, wire.OutcomeFailed, "still on after off: refuses: NotWritable"},
		{"a wrong community", "", []string{"community-file", secretFile(t, "wr0ng-community")}, wire.OutcomeUnknown, "did not answer to off within 400ms"},
		{"an outlet that is not there", "", []string{"outlet", "9"}, wire.OutcomeUnknown, "refuses: N"},
		{"nobody there", "", []string{"address", deviceAddress + ":162"}, wire.OutcomeUnknown, "connection refused"},
		{"a wrong secret of version 3", "", append(v3, "auth-file", secretFile(t, "wr0ng-auth")), wire.OutcomeUnknown, "auth-file="},
		{"an unknown user of version 3", "", append(v3, "user", "nobody"), wire.OutcomeUnknown, "user=, auth="},
		{"says nothing", "mute", nil, wire.OutcomeUnknown, "is not known to be off"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.write(t, "manner", tc.manner)
			got, text := ladder(t, []config.Fence{within(s.line(t, "apc-snmp", tc.keys...), brisk)}).Off(context.Background(), always)
			if !judged(got, text, tc.want, tc.text) || strings.Contains(text, "s3cret") || strings.Contains(text, "wr0ng") {
				t.Errorf("%s: %s, want %s: %s", got, text, tc.want, tc.text)
			}
		})
	}
}

// TestAnAnswerBySNMPThatIsMutilatedOrAboutSomethingElseIsNotOff: the switch answers the question with its own bytes, some of
// them changed; what is not said about this very outlet is not known, and nothing panics.
func TestAnAnswerBySNMPThatIsMutilatedOrAboutSomethingElseIsNotOff(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	address := udpServer(t, func(question []byte) []byte {
		a := bytes.Replace(question, []byte{0xa0}, []byte{0xa2}, 1)
		for range 1 + chance.IntN(3) {
			switch at := chance.IntN(len(a)); chance.IntN(3) {
			case 0:
				a[at] = byte(chance.IntN(256))
			case 1:
				a = a[:max(at, 1)]
			default:
				a = append(a, a[at:]...)
			}
		}
		return a
	})
	f := (&snmpSwitch{}).line(t, "apc-snmp", "address", address)
	for range 1500 {
		d, err := NewSNMP(f, "beta")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
		if power, err := d.Status(ctx); power != wire.PowerUnknown || err == nil {
			t.Errorf("%s, %v", power, err)
		}
		cancel()
	}
	other := udpServer(t, func(question []byte) []byte {
		a := bytes.Replace(question, []byte{0xa0}, []byte{0xa2}, 1)
		return bytes.Replace(a, []byte{4, 2, 5, 0}, []byte{4, 1, 5, 0}, 1)
	})
	if power, err := device2(t, (&snmpSwitch{}).line(t, "apc-snmp", "address", other)); power != wire.PowerUnknown || err == nil || !strings.Contains(err.Error(), "answers about") {
		t.Errorf("another outlet's answer: %s, %v", power, err)
	}
}

// udpServer answers each datagram as it is told, until the test ends.
func udpServer(t *testing.T, answer func([]byte) []byte) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if a := answer(bytes.Clone(b[:n])); a != nil {
				_, _ = c.WriteTo(a, from)
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return c.LocalAddr().String()
}

func TestAQuestionBySNMPEndsWhenAShotComes(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	f := (&snmpSwitch{}).line(t, "apc-snmp", "address", silent.LocalAddr().String())
	d, err := NewSNMP(f, "beta")
	if err != nil {
		t.Fatal(err)
	}
	endsWhenCancelled(t, d, func() { hear(t, silent) })
}

func TestAnSNMPLineThatCannotWorkIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name, kind string
		keys       []string
		want       string
	}{
		{"no address", "apc-snmp", []string{"address", ""}, "no address="},
		{"a port that is none", "apc-snmp", []string{"address", "192.0.2.50:0"}, "no host with a port"},
		{"no outlet", "apc-snmp", []string{"outlet", ""}, "outlet= is not the number of an outlet"},
		{"outlet 0", "eaton-snmp", []string{"outlet", "0"}, "the first is 1"},
		{"no community and no user", "apc-snmp", []string{"community-file", ""}, "needs either community-file="},
		{"both", "apc-snmp", []string{"user", "locum"}, "needs either community-file="},
		{"the wrong version", "apc-snmp", []string{"version", "3"}, "version=3 goes with user="},
		{"a short secret", "apc-snmp", []string{"community-file", "", "user", "locum", "auth-file", secretFile(t, "short")}, "shorter than the 8 characters"},
		{"no secret", "apc-snmp", []string{"community-file", "", "user", "locum"}, "no such file"},
		{"on and off alike", "snmp", []string{"status-on", "2"}, "that differ"},
		{"no value", "snmp", []string{"value-off", ""}, "value-off= is not a number"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := NewSNMP((&snmpSwitch{}).line(t, tc.kind, tc.keys...), "beta"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// A name server that does not answer the first question in its time answers the next, mostly.
func TestATryThatIsOverIsNotTheWholeTime(t *testing.T) {
	d, err := NewSNMP(config.Fence{Type: "apc-snmp", Keys: map[string]string{"address": "127.0.0.1:9", "outlet": "1", "community-file": secretFile(t, "secret")}}, "beta")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tries := 0
	_, err = d.(*snmpOutlet).ask(ctx, "1.3.6.1", func(*gosnmp.GoSNMP) (*gosnmp.SnmpPacket, error) {
		if tries++; tries < 3 {
			return nil, fmt.Errorf("lookup pdu: %w", context.DeadlineExceeded)
		}
		return &gosnmp.SnmpPacket{PDUType: gosnmp.GetResponse, Variables: []gosnmp.SnmpPDU{{Name: ".1.3.6.1"}}}, nil
	})
	if err != nil || tries != 3 || ctx.Err() != nil {
		t.Errorf("after %d tries: %v", tries, err)
	}
}
