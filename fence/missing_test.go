package fence

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"locum/config"
)

// What is wrong with a line is said on every machine, also on one that lacks all files and programs that it names.
func TestWhatIsWrongWithTheLineComesBeforeWhatTheMachineLacks(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	serial := NewSerial(nil)
	for _, tc := range []struct {
		name  string
		build Constructor
		agent string
		keys  string // in words, a=b
		want  string // of the error
		lacks bool   // it is about this machine
	}{
		{"an agent that is not installed", NewAgent, "fence_nosuch", "ip=192.0.2.50", "fence_nosuch is not installed", true},
		{"an agent by a path that does not exist", NewAgent, none + "/fence_x", "", "no such file", true},
		{"an agent by half a path", NewAgent, "sbin/fence_x", "", "neither a program's name nor an absolute path", false},
		{"an agent that is not installed, with a secret", NewAgent, "fence_nosuch", "a-file=" + none + " ipmi-password=x", "put the secret into a file", false},
		{"an http plug without its secret", NewHTTP, "", "url-off=http://192.0.2.50/ url-status=http://192.0.2.50/ user=a password-file=" + none, "no such file", true},
		{"an http plug with an empty secret", NewHTTP, "", "url-off=http://192.0.2.50/ url-status=http://192.0.2.50/ user=a password-file=" + empty, "holds no secret", true},
		{"an http plug with a colon in its user", NewHTTP, "", "url-off=http://192.0.2.50/ url-status=http://192.0.2.50/ user=a:b password-file=" + none, "holds a colon", false},
		{"an http plug with half a fingerprint", NewHTTP, "", "url-off=https://192.0.2.50/ url-status=https://192.0.2.50/ cert-sha256=ab password-file=" + none, "not a fingerprint", false},
		{"an http plug without its certificates", NewHTTP, "", "url-off=https://192.0.2.50/ url-status=https://192.0.2.50/ ca-file=" + none, "no such file", true},
		{"a board with half a fingerprint", NewRedfish, "", "address=192.0.2.50 user=a cert-sha256=ab password-file=" + none, "not a fingerprint", false},
		{"a board with a long user", NewIPMI, "", "address=192.0.2.50 user=abcdefghijklmnopq password-file=" + none, "IPMI has room for", false},
		{"a host by no way that there is", NewLibvirt, "", "uri=qemu+ssh://192.0.2.50/system domain=a", "there are +unix, +tcp and +tls", false},
		{"a host without certificates", NewLibvirt, "", "uri=qemu+tls://192.0.2.50/system domain=a ca-file=" + none + " cert-file=" + none + " key-file=" + none, "no such file", true},
		{"a strip's outlet 0", NewSNMP, "", "address=192.0.2.50 outlet=0 community-file=" + none, "the first is 1", false},
		{"a strip without its secret", NewSNMP, "", "address=192.0.2.50 outlet=1 community-file=" + none, "no such file", true},
		{"a serial switch with a wrong character", serial, "", `device=/dev/ttyS0 send-off=\q send-status=? match-off=0 match-on=1 password-file=` + none, "send-off=: after \\ only", false},
		{"a serial switch without its secret", serial, "", `device=/dev/ttyS0 send-off=0 send-status=? match-off=0 match-on=1 password-file=` + none, "no such file", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := config.Fence{Name: "plug", Type: "http", Agent: tc.agent, Keys: map[string]string{}}
			if strings.Contains(tc.name, "strip") {
				f.Type = "apc-snmp"
			}
			for _, word := range strings.Fields(tc.keys) {
				key, value, _ := strings.Cut(word, "=")
				f.Keys[key] = value
			}
			_, err := tc.build(f, "alpha")
			if err == nil || !strings.Contains(err.Error(), tc.want) || IsMissing(err) != tc.lacks {
				t.Errorf("got %v, of this machine %v, want %s, %v", err, IsMissing(err), tc.want, tc.lacks)
			}
		})
	}
}
