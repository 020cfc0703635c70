package daemon

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"locum/config"
)

// The file in its usual place may be a link of somebody's who keeps all such files, and readable for some only.
func TestANewFileTakesThePlaceOfTheOldOneAndNothingElse(t *testing.T) {
	node := newNode(t)
	if err := os.Rename(node.options.ConfigFile, filepath.Join(node.dir, "kept")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(node.dir, "kept"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("kept", node.options.ConfigFile); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(node.options.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	defer here.Close()
	go io.Copy(io.Discard, there)
	old := node.read("kept")
	n := &engine{setup: setup{StateDir: node.options.StateDir, ConfigFile: node.options.ConfigFile}, log: quiet, ctx: context.Background(),
		cfg: &config.Config{Text: old}, conn: here}
	next := strings.Replace(old, "dead=200ms", "dead=300ms", 1)
	n.adopt(next)
	if got := node.read("kept"); got != next {
		t.Errorf("the file that the link leads to holds %q", got)
	}
	if info, err := os.Lstat(node.options.ConfigFile); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(node.options.ConfigFile); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got := node.read("state/" + forceFile); got != next {
		t.Errorf("in force is %q", got)
	}
}
