package daemon

import (
	"fmt"
	"os"
	"syscall"

	"locum/wire"
)

// maxKeyFile bounds a key file: a key, and comments if need be.
const maxKeyFile = 4096

// ReadKey reads the cluster's key for a command that needs it.
func ReadKey(path string) (wire.Key, error) { return readKey(path) }

// readKey reads the cluster's key.
func readKey(path string) (wire.Key, error) {
	text, err := readSecret(path)
	if err != nil {
		return wire.Key{}, err
	}
	key, err := wire.ParseKey([]byte(text))
	if err != nil {
		return key, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// readSecret reads a file that nobody but its owner may read. The error never holds any of its content.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return "", fmt.Errorf("key %s does not exist; make one with: locum keygen %s, and copy it to every node", path, path)
	case err != nil:
		return "", fmt.Errorf("key: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("key %s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("key %s has mode %04o, so others can read it; type: chmod 600 %s (and think of a new key)",
			path, info.Mode().Perm(), path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return "", fmt.Errorf("key %s belongs to user %d; type: chown root %s", path, st.Uid, path)
	}
	text, err := readBounded(path, maxKeyFile)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	return string(text), nil
}
