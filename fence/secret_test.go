package fence

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestASecretIsTheFirstLineOfAFileThatOthersCannotRead(t *testing.T) {
	dir := t.TempDir()
	write := func(text string, mode os.FileMode) func(string) error {
		return func(path string) error {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				return err
			}
			return os.Chmod(path, mode)
		}
	}
	for _, tc := range []struct {
		name       string
		make       func(path string) error
		want, fail string
	}{
		{"one line", write("s3cret\n", 0o600), "s3cret", ""},
		{"read only, with the end of line of others", write("s3cret\r\nmore\n", 0o400), "s3cret", ""},
		{"the group may read it", write("s3cret\n", 0o640), "", "has mode 0640: others may read the secret in it; run chmod 600 "},
		{"all may read it", write("s3cret\n", 0o604), "", "has mode 0604"},
		{"empty", write("\n", 0o600), "", "holds no secret"},
		{"long", write(strings.Repeat("x", maxSecret+1), 0o600), "", "longer than 4096 bytes"},
		{"a pipe that nobody writes", func(path string) error { return syscall.Mkfifo(path, 0o600) }, "", "not a regular file"},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }, "", "not a regular file"},
		{"nothing", func(string) error { return nil }, "", "no such file"},
		{"another user's", func(path string) error {
			if err := write("s3cret\n", 0o600)(path); err != nil {
				return err
			}
			return os.Chown(path, 65534, 65534)
		}, "", "belongs to user 65534"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.name == "another user's" && os.Geteuid() != 0 {
				t.Skip("only root gives files away")
			}
			path := filepath.Join(dir, strings.ReplaceAll(tc.name, " ", "-"))
			if err := tc.make(path); err != nil {
				t.Fatal(err)
			}
			got, err := secret(path)
			if got != tc.want || (err == nil) != (tc.fail == "") || err != nil && !strings.Contains(err.Error(), tc.fail) {
				t.Errorf("got %q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestTheLongestSecretIsHiddenFirst(t *testing.T) {
	if got := (secrets{"abc", "abcdef", ""}).hide("abcdef abc"); got != "*** ***" {
		t.Error(got)
	}
}
