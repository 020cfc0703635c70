package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"locum/agents"
	"locum/config"
)

// spoiled is a good file of which nothing is so on any machine.
const spoiled = `cluster t
key %[1]s/locum.key
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
path ethernet wire alpha=nosuch0 beta=nosuch1
path serial null alpha=/dev/nosuch-here beta=/dev/nosuch-there
path serial wrong alpha=/dev/null beta=/dev/nosuch-other
watchdog %[1]s/nodog
tiebreak unsafe
service web nodes=alpha,beta stateless=yes
resource web vip 192.0.2.100/24 dev=nosuch2
resource web process %[1]s/locum.key
service db nodes=beta stateless=yes
resource db process %[1]s/nobodys
notify exec %[1]s/notifier
limit load=8 disk=%[1]s/nodisk:1G link=nosuch3
limit beta link=nosuch4
`

func TestCheckLooksAtTheMachineThatIsANode(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "locum.key"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Parse("f", fmt.Sprintf(spoiled, dir))
	if cfg == nil {
		t.Fatal(problems)
	}
	look := LookAtMachine("f", "alpha", cfg)
	if look.Node != "alpha" {
		t.Errorf("it is node %q", look.Node)
	}
	var lines []string
	for _, p := range look.Found {
		lines = append(lines, p.String())
	}
	for _, want := range []string{
		"f: key " + dir + "/locum.key has mode 0644", "f:5: no interface of this machine has the address 192.0.2.1", "f:6: this machine has no interface nosuch0",
		"f:7: stat /dev/nosuch-here", "f:8: /dev/null is no serial port", "f:9: stat " + dir + "/nodog", "f:12: this machine has no interface nosuch2",
		"f:13: " + dir + "/locum.key cannot be executed", "f:16: stat " + dir + "/notifier", "f:17: disk=: stat " + dir + "/nodisk", "f:17: this machine has no interface nosuch3",
	} {
		if !strings.Contains(strings.Join(lines, "\n"), want) {
			t.Errorf("nothing says: %s", want)
		}
	}
	if len(lines) != 11 {
		t.Errorf("%d things were found:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	if look := LookAtMachine("f", "gamma", cfg); look.Node != "" || look.Found != nil || len(look.Unseen) != 1 || !strings.Contains(look.Unseen[0], "this machine is none of them") {
		t.Errorf("a machine that is no node: %+v", look)
	}
}

// What could not be looked at is said, with its reason: no finding is no all-clear.
func TestCheckSaysWhichUnitsItCouldNotLookAt(t *testing.T) {
	units := []config.Resource{{Type: "unit", Args: []string{"web.service"}}, {Type: "unit", Args: []string{"db.service"}}}
	for _, tc := range []struct {
		name   string
		booted bool
		want   string
	}{
		{"no systemd", false, "the units web.service, db.service: systemd does not run here"},
		{"a systemd that cannot be asked", true, "the units web.service, db.service: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.booted && agents.Booted() {
				t.Skip("systemd runs here and answers")
			}
			m := machine{file: "f", booted: tc.booted, named: units, systemd: agents.NewSystemd()}
			m.units()
			if len(m.unseen) != 1 || !strings.HasPrefix(m.unseen[0], tc.want) || len(m.found) != 0 {
				t.Errorf("unseen %q, found %v; want one that begins %q", m.unseen, m.found, tc.want)
			}
		})
	}
	m := machine{}
	if m.units(); m.unseen != nil {
		t.Errorf("without units: %q", m.unseen)
	}
}

const fencedBadly = `cluster t
key %[1]s/locum.key
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
tiebreak fence
fence alpha one agent=sbin/fence_x ip=192.0.2.50
fence alpha two type=netio address=192.0.2.50 outlet=99
fence alpha three type=http url-off=https://192.0.2.50/off url-status=https://192.0.2.50/ cert-sha256=ab
fence beta four agent=fence_nosuch ip=192.0.2.50
fence beta five type=ipmi address=192.0.2.51 user=a password-file=%[1]s/nosecret
fence beta six type=rps10 device=%[1]s/noport outlet=1
service web nodes=alpha,beta
resource web vip 192.0.2.100/24
`

// A line that works nowhere is an error everywhere; what only this machine lacks is a warning where the line would be used.
func TestAFenceLineThatWorksNowhereIsAnErrorEverywhere(t *testing.T) {
	cfg, problems := config.Parse("f", fmt.Sprintf(fencedBadly, t.TempDir()))
	if cfg == nil {
		t.Fatal(problems)
	}
	wanted(t, FenceErrors("f", cfg), "f:7: fence one: agent=sbin/fence_x is neither", "f:8: fence two: outlet=99: a netio has outlets 1 to 48", "f:9: fence three: cert-sha256= is not a fingerprint")
	var about []config.Problem
	for _, p := range LookAtMachine("f", "alpha", cfg).Found {
		if p.Line >= 7 && p.Line <= 12 {
			about = append(about, p)
		}
	}
	wanted(t, about, "f:10: fence four: fence_nosuch is not installed", "f:11: fence five: open ", "f:12: stat ")
}

// wanted holds problems against the beginnings of all that are wanted, in order.
func wanted(t *testing.T, got []config.Problem, want ...string) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(p config.Problem, w string) bool { return strings.HasPrefix(p.String(), w) }) {
		t.Errorf("got %v\nwant %q", got, want)
	}
}
