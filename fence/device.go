package fence

import (
	"context"
	"fmt"
	"os"
	"strings"

	"locum/config"
	"locum/wire"
)

// Device is one power switch outlet, or whatever else makes certain that a node runs nothing. All three end when the
// context does; an error says what the device answered, without any secret.
type Device interface {
	// Off tells the device to switch off. That it accepted is no proof.
	Off(ctx context.Context) error
	// On tells the device to switch on.
	On(ctx context.Context) error
	// Status asks for the state. With an error the power is unknown.
	Status(ctx context.Context) (wire.Power, error)
}

// Constructor makes the device of a fence line; node is the target's name.
type Constructor func(f config.Fence, node string) (Device, error)

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 4096

// secret reads a file that only its owner may read: its first line.
func secret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s has mode %04o: others may read the secret in it; run chmod 600 %s", path, mode, path)
	}
	if info.Size() > maxSecret {
		return "", fmt.Errorf("%s has %d bytes: a secret has at most %d", path, info.Size(), maxSecret)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimRight(line, "\r"), nil
}
