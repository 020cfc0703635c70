package machine

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var machines = flag.Bool("machines", false, "boot virtual machines: make test-vm")

// needMachines skips a test that this host cannot run, or was not asked to.
func needMachines(t *testing.T) {
	t.Helper()
	if !*machines {
		t.Skip("boots virtual machines, which takes a while: make test-vm")
	}
	if err := Missing(); err != nil {
		t.Skip("needs QEMU and a kernel: ", err)
	}
}

// theImage is built once for all tests.
var theImage = sync.OnceValues(func() (*Image, error) {
	work, err := os.MkdirTemp("", "locum-machine")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	locum := filepath.Join(work, "locum")
	build := exec.Command("go", "build", "-trimpath", "-o", locum, ".")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, said)
	}
	return MakeImage(root, locum, work)
})

// vip is the service's address.
var vip = netip.MustParseAddr("192.0.2.100")

// pair is two machines with two network cables and a null modem; alpha has one vote and beta two, so that beta may go on
// alone by proof 2 and alpha never.
type pair struct {
	t            *testing.T
	alpha, beta  *Machine
	lan, cross   *Cable
	serial       *NullModem
	prober       *Prober
	machineFiles []File
}

// thePair is the file that both have. W is the watchdog's time that is asked for, L the lease.
const theFile = `cluster lab
key /etc/locum.key
node 1 alpha
node 2 beta votes=2
beat every=100ms dead=1s
lease 4s
path udp lan   alpha=192.0.2.1 beta=192.0.2.2
path ethernet cross alpha=eth1 beta=eth1
service web nodes=alpha,beta
resource web vip 192.0.2.100/24 dev=eth0
`

// watchdogLine is what the files to apply lack, or have otherwise.
var watchdogLine = regexp.MustCompile(`(?m)^watchdog .*\n`)

// newPair boots both and starts locum on them.
func newPair(t *testing.T, more string) *pair {
	t.Helper()
	p := preparePair(t, more)
	p.begin()
	return p
}

// begin starts locum on both.
func (p *pair) begin() {
	p.t.Helper()
	for _, m := range []*Machine{p.alpha, p.beta} {
		p.do(m, "begin")
	}
}

// preparePair boots both, with more parameters for their kernels if there are any.
func preparePair(t *testing.T, more string, parameters ...string) *pair {
	t.Helper()
	return plugPair(t, theFile+more, func(p *pair, n string) []NIC {
		return []NIC{{p.lan, []string{"192.0.2." + n + "/24"}}, {p.cross, []string{"2001:db8::" + n + "/64"}}}
	}, parameters...)
}

// plugPair boots both with a file, and with these interfaces for the machine of a number.
func plugPair(t *testing.T, file string, nics func(p *pair, number string) []NIC, parameters ...string) *pair {
	t.Helper()
	needMachines(t)
	img, err := theImage()
	if err != nil {
		t.Fatal(err)
	}
	return bootPair(t, img.With(strings.Join(parameters, " ")), file, nics)
}

// bootPair boots both from an image.
func bootPair(t *testing.T, img *Image, file string, nics func(p *pair, number string) []NIC) *pair {
	t.Helper()
	p := &pair{t: t, lan: NewCable(), cross: NewCable(), serial: NewNullModem()}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	key := base64.StdEncoding.EncodeToString(random)
	plain := watchdogLine.ReplaceAllString(file, "")
	p.machineFiles = []File{
		{"etc/locum.conf", 0o644, []byte(file)}, {"etc/locum.key", 0o600, []byte(key + "\n")},
		{"etc/no-watchdog.conf", 0o644, []byte(plain)}, {"etc/longer.conf", 0o644, []byte(plain + "watchdog /dev/watchdog timeout=8s\n")},
	}
	dir, err := os.MkdirTemp("", "lm") // the names of sockets below it are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Cleanup(p.end)
	boot := func(m **Machine, name string, number int) func() error {
		return func() (err error) {
			*m, err = img.Boot(dir, name, number, nics(p, strconv.Itoa(number)), p.serial, p.machineFiles)
			return err
		}
	}
	both(t, boot(&p.alpha, "alpha", 1), boot(&p.beta, "beta", 2))
	p.prober = Probe(p.lan, vip, 20*time.Millisecond)
	return p
}

// both does two things at the same time.
func both(t *testing.T, a, b func() error) {
	t.Helper()
	done := make(chan error, 2)
	for _, f := range []func() error{a, b} {
		go func() { done <- f() }()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func (p *pair) do(m *Machine, what string, args ...string) string {
	p.t.Helper()
	text, err := m.Do(what, args...)
	if err != nil {
		p.t.Fatal(err, text)
	}
	return text
}

// end shows what the machines said if the test failed, and clears all away.
func (p *pair) end() {
	if p.prober != nil {
		p.prober.Close()
	}
	for _, m := range []*Machine{p.alpha, p.beta} {
		if m == nil {
			continue
		}
		if p.t.Failed() || os.Getenv("CONSOLES") != "" {
			text := m.Console()
			p.t.Logf("--- %s ---\n%s", m.Name, text[max(0, len(text)-8000):])
		}
		m.Close()
	}
	p.lan.Close()
	p.cross.Close()
	p.serial.Close()
}

// until waits for something to become so, and fails the test if it does not.
func (p *pair) until(what string, patience time.Duration, so func() bool) {
	p.t.Helper()
	for begin := time.Now(); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > patience {
			p.t.Fatalf("it has not come about in %s: %s", patience, what)
		}
	}
}

// owner is who answered for the address within the last moments, "" nobody.
func (p *pair) owner() string { return p.ownerWithin(300 * time.Millisecond) }

func (p *pair) ownerWithin(d time.Duration) string {
	seen := p.prober.Since(time.Now().Add(-d))
	if len(seen) == 0 {
		return ""
	}
	return seen[len(seen)-1].MAC
}

func (p *pair) serves(m *Machine) {
	p.t.Helper()
	p.until(m.Name+" serves", 60*time.Second, func() bool { return p.owner() == MAC(m.Number, 0) })
}

// heart is the number of the process that runs as locum.
func (p *pair) heart(m *Machine) string {
	p.t.Helper()
	return strings.Fields(p.do(m, "unit"))[0]
}

// pathsUp is how many paths a machine's locum calls up.
func (p *pair) pathsUp(m *Machine) (up int) {
	p.t.Helper()
	var r struct {
		Paths []struct {
			Up bool `json:"up"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(p.do(m, "run", "/locum", "paths", "--json")), &r); err != nil {
		p.t.Fatal(err)
	}
	for _, path := range r.Paths {
		if path.Up {
			up++
		}
	}
	return up
}

// starved is how long an emulated machine may be without a processor of its host's.
const starved = 2 * time.Second

// stays watches for a while: since an instant nobody but a machine has answered for the address, nobody was reset, and no lease has
// run half down, for which services are stopped. A machine that answers nothing for a moment is one that its host keeps waiting.
func (p *pair) stays(m *Machine, long time.Duration, since time.Time) {
	p.t.Helper()
	for begin := time.Now(); time.Since(begin) < long; time.Sleep(20 * time.Millisecond) {
		if p.ownerWithin(starved) == "" {
			p.t.Fatalf("nobody has answered for the address for %s", starved)
		}
	}
	for _, o := range p.prober.Since(since) {
		if o.MAC != MAC(m.Number, 0) {
			p.t.Fatalf("%s answers for the address", o.MAC)
		}
	}
	for _, m := range []*Machine{p.alpha, p.beta} {
		if list := m.Events.Of("RESET", since); len(list) > 0 {
			p.t.Fatalf("%s was reset", m.Name)
		}
		if strings.Contains(m.Console(), "services are stopped here") {
			p.t.Fatalf("%s has stopped its services", m.Name)
		}
	}
}
