package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"locum/config"
)

func TestAnEditThatOnlySetsQuotesIsReported(t *testing.T) {
	const text = "cluster office\nkey /etc/locum.key\nnode 1 alpha\nservice web nodes=alpha\nresource web process /bin/echo "
	file := filepath.Join(t.TempDir(), "locum.conf")
	for words, want := range map[string]string{`a b`: "", `a  b # as before`: "", `"a b"`: "was edited and not applied"} {
		cfg, problems := config.Parse(file, text+"a b\n")
		if cfg == nil {
			t.Fatal(problems)
		}
		if err := os.WriteFile(file, []byte(text+words+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := drift(Options{ConfigFile: file}, cfg); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q", words, got)
		}
	}
}
