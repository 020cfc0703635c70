package console

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"locum/wire"
)

// NewKey gives the text of a new key file.
func NewKey() (string, error) {
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	return wire.NewKey(random[:])
}

// WriteKey writes a new key to a file that does not exist yet, mode 0600, and gives its print.
func WriteKey(file string) (p wire.KeyPrint, err error) {
	text, err := NewKey()
	if err != nil {
		return p, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return p, failure(ExitFailed, file+" exists and is kept: a cluster whose nodes have different keys is none. For another cluster name another file; to replace the key of this one see REPLACING THE KEY in locum(8)")
	case errors.Is(err, os.ErrNotExist):
		return p, failure(ExitFailed, file+": its directory does not exist: mkdir -p "+filepath.Dir(file))
	case err != nil:
		return p, err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return p, errors.Join(err, os.Remove(file)) // half a key
	}
	key, err := wire.ParseKey([]byte(text))
	if err != nil {
		return p, err
	}
	return key.Print()
}
