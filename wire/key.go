package wire

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

// Key is the secret that all nodes of a cluster share. It shows itself in no format of fmt: not by itself, and not as a part
// of something else, where fmt asks no method: it cannot look into a function.
type Key struct{ reveal func() *[KeySize]byte }

// String hides the key.
func (Key) String() string { return "key(hidden)" }

// GoString hides the key.
func (Key) GoString() string { return "wire.Key(hidden)" }

// Format hides the key from every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// IsZero reports whether no key was given.
func (k Key) IsZero() bool { return k.reveal == nil }

// Equal reports whether two keys are the same.
func (k Key) Equal(o Key) bool {
	if k.IsZero() || o.IsZero() {
		return k.IsZero() && o.IsZero()
	}
	return subtle.ConstantTimeCompare(k.reveal()[:], o.reveal()[:]) == 1
}

// NewKey makes the text of a key file, one line, of KeySize random bytes.
func NewKey(random []byte) (string, error) {
	if _, err := keyOf(random); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(random) + "\n", nil
}

// ParseKey reads the text of a key file: one line of 44 characters of base64 or 64 hexadecimal digits, and nothing else.
// Its errors never hold any of the text.
func ParseKey(text []byte) (Key, error) {
	line := bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	raw := make([]byte, 0, KeySize+3)
	var err error
	switch len(line) {
	case base64.StdEncoding.EncodedLen(KeySize):
		// The decoder would skip line ends inside.
		if bytes.ContainsAny(line, "\r\n") {
			return Key{}, errors.New("key: more than one line; make a key with: locum keygen FILE")
		}
		raw, err = base64.StdEncoding.Strict().AppendDecode(raw, line)
	case hex.EncodedLen(KeySize):
		raw, err = hex.AppendDecode(raw, line)
	default:
		return Key{}, fmt.Errorf("key: a line of %d characters, want 44 of base64 or 64 hexadecimal digits; "+
			"make a key with: locum keygen FILE", len(line))
	}
	if err != nil {
		// The decoders name the offending byte: that is part of the secret.
		return Key{}, errors.New("key: a character that is neither base64 nor hexadecimal; make a key with: locum keygen FILE")
	}
	return keyOf(raw)
}

func keyOf(raw []byte) (Key, error) {
	if len(raw) != KeySize {
		return Key{}, fmt.Errorf("key: %d bytes, want %d", len(raw), KeySize)
	}
	if bytes.Count(raw, raw[:1]) == KeySize {
		return Key{}, errors.New("key: all bytes are the same; it was not made at random")
	}
	secret := [KeySize]byte(raw)
	return Key{func() *[KeySize]byte { return &secret }}, nil
}
