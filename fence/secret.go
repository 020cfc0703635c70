package fence

import (
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
)

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 4096

// secret reads the first line of a file that nobody but its owner, root or this process's user, may read.
func secret(path string) (string, error) {
	text, err := guardedFile(path, maxSecret)
	if err != nil {
		return "", onThisMachine(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", onThisMachine(fmt.Errorf("%s holds no secret: its first line is empty", path))
	}
	return line, nil
}

// guardedFile reads such a file whole. What is checked is the file that was opened, so that it cannot be exchanged in between;
// a pipe in its place cannot hold the reader up.
func guardedFile(path string, most int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := guarded(path, info); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(text) > most {
		return nil, fmt.Errorf("%s is longer than %d bytes; a secret is one line", path, most)
	}
	return text, nil
}

func guarded(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o: others may read the secret in it; run chmod 600 %s", path, mode, path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, who may read the secret in it; run chown root %s", path, st.Uid, path)
	}
	return nil
}

// secrets are what must not appear in an error.
type secrets []string

// hide replaces every secret of the text, the longest first, since one may hold another.
func (s secrets) hide(text string) string {
	list := slices.Clone(s)
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	for _, word := range list {
		if word != "" {
			text = strings.ReplaceAll(text, word, "***")
		}
	}
	return text
}

// basic is how user and password travel in a basic authorization (RFC 7617), which a server may send back.
func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}
