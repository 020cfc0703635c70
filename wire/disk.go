package wire

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// DiskMark tells which key a record on a quorum disk is sealed with, before its tag is reckoned. It is no proof.
type DiskMark = [4]byte

// DiskSeal makes the tags of records on a quorum disk. It is a secret, and shows itself in no format of fmt.
type DiskSeal struct {
	Mark DiskMark
	tag  func(data []byte) [sha256.Size]byte
}

// String hides the seal.
func (DiskSeal) String() string { return "seal(hidden)" }

// GoString hides the seal.
func (DiskSeal) GoString() string { return "wire.DiskSeal(hidden)" }

// Format hides the seal from every verb.
func (s DiskSeal) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// Tag is the HMAC with SHA-256 (RFC 2104) of what is written. Records lie where they can be read again and again, and are
// written by lives that may forget: a tag needs no number that must never come twice.
func (s DiskSeal) Tag(data []byte) [sha256.Size]byte { return s.tag(data) }

// DiskSealOf derives the seal of one cluster's disks, by HKDF (RFC 5869), so that neither a disk nor a frame tells
// anything of the other's key.
func DiskSealOf(cluster string, k Key) (DiskSeal, error) {
	b, err := hkdf.Key(sha256.New, k.reveal()[:], nil, "locum disk 1\x00"+cluster, KeySize+len(DiskMark{}))
	if err != nil {
		return DiskSeal{}, fmt.Errorf("disk key: %w", err)
	}
	secret := [KeySize]byte(b)
	return DiskSeal{DiskMark(b[KeySize:]), func(data []byte) (tag [sha256.Size]byte) {
		mac := hmac.New(sha256.New, secret[:])
		mac.Write(data)
		mac.Sum(tag[:0])
		return tag
	}}, nil
}
