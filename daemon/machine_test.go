package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	found, node := LookAtMachine("f", "alpha", cfg)
	if node != "alpha" {
		t.Errorf("it is node %q", node)
	}
	var lines []string
	for _, p := range found {
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
	if found, node := LookAtMachine("f", "gamma", cfg); node != "" || found != nil {
		t.Errorf("a machine that is no node: %q, %v", node, found)
	}
}
