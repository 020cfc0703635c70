package daemon

import (
	"fmt"
	"os"
	"syscall"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// maxKeyFile bounds a key file: a key, and comments if need be.
const maxKeyFile = 4096

// ReadKeys reads the cluster's keys that a file names, for a command that needs them; with the first all is sealed.
func ReadKeys(cfg *config.Config) ([]wire.Key, error) { return readKeys(cfg.KeyFiles()) }

// readKeys reads all of some keys.
func readKeys(files []string) (list []wire.Key, err error) {
	for _, file := range files {
		k, err := readKey(file)
		if err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, nil
}

// keysOfHeart reads the keys that a heart goes by. It cannot begin without the first; what is said of another one, which is
// only accepted, is why it does without: a heart that does not begin at all is worse.
func keysOfHeart(cfg *config.Config) (list []wire.Key, without string, err error) {
	for i, file := range cfg.KeyFiles() {
		switch k, err := readKey(file); {
		case err == nil:
			list = append(list, k)
		case i == 0:
			return nil, "", err
		default:
			without = err.Error() + "; what is sealed with it is not accepted here"
		}
	}
	return list, without, nil
}

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

// readKeys reads the keys of a new file, aside: a disk may hang.
func (n *engine) readKeys(a cluster.ReadKeys) {
	ev := cluster.KeysRead{ID: a.ID}
	keys, err := readKeys(a.Files)
	if err == nil {
		ev.Prints, err = wire.PrintsOf(keys)
	}
	if err != nil {
		ev.Why = err.Error()
	}
	n.happened(ev)
}

// keysReadable says why a heart that begins anew with a file could not: without a key it would not come back.
func keysReadable(text string) error {
	cfg, problems := config.Parse("the new file", text)
	if cfg == nil {
		return problems
	}
	_, err := ReadKeys(cfg)
	return err
}
