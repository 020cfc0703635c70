package wire

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// KeyPrint tells one key of a cluster from another, and nothing else of it: nodes show each other by it that they have the
// same key, and people compare it. It is no proof: only a seal proves that somebody has the key.
type KeyPrint [8]byte

// Print derives the print of a key, by HKDF (RFC 5869) with SHA-256. It is the same in all clusters, so that it can be shown
// before a key is given to one.
func (k Key) Print() (p KeyPrint, err error) {
	b, err := hkdf.Key(sha256.New, k.reveal()[:], nil, "locum key print 1", len(p))
	if err != nil {
		return p, fmt.Errorf("print of a key: %w", err)
	}
	return KeyPrint(b), nil
}

// PrintsOf gives the prints of keys, in their order.
func PrintsOf(keys []Key) (list []KeyPrint, err error) {
	for _, k := range keys {
		p, err := k.Print()
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// String is the print in hexadecimal digits.
func (p KeyPrint) String() string { return hex.EncodeToString(p[:]) }

// MarshalText writes the print in hexadecimal digits.
func (p KeyPrint) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a print.
func (p *KeyPrint) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(p)) {
		return fmt.Errorf("print of a key: %d characters", len(text))
	}
	_, err := hex.Decode(p[:], text)
	return err
}
