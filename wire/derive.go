package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Salt is 16 random bytes, made anew at each start of a heart: should its incarnation ever come twice, because a state
// directory was restored, its sealing key does not.
type Salt [16]byte

// tag tells the frames of one cluster and key from all others before anything is deciphered. It is no proof.
type tag [4]byte

func tagOf(cluster string, k Key) (tag, error) {
	var t tag
	b, err := hkdf.Key(sha256.New, k.reveal()[:], nil, "locum tag 1\x00"+cluster, len(t))
	if err != nil {
		return t, fmt.Errorf("cluster tag: %w", err)
	}
	copy(t[:], b)
	return t, nil
}

// Tag is the clear mark of a cluster's frames. It is no proof of anything.
type Tag = [4]byte

// TagOf is the tag of the frames of one cluster that are sealed with one key.
func TagOf(cluster string, k Key) (Tag, error) { return tagOf(cluster, k) }

// life is what a sealing key belongs to.
type life struct {
	node        Node
	incarnation Incarnation
	salt        Salt
}

// cipherOf derives the key of one life by HKDF (RFC 5869) with SHA-256, for AES-256-GCM (NIST SP 800-38D). The name of
// the cluster comes last, so that its length needs no field.
func cipherOf(cluster string, k Key, l life) (cipher.AEAD, error) {
	info := []byte("locum frame 1\x00")
	info = append(info, byte(l.node))
	info = binary.BigEndian.AppendUint32(info, uint32(l.incarnation))
	info = append(info, cluster...)
	b, err := hkdf.Key(sha256.New, k.reveal()[:], l.salt[:], string(info), KeySize)
	if err != nil {
		return nil, fmt.Errorf("frame key: %w", err)
	}
	block, err := aes.NewCipher(b)
	if err != nil {
		return nil, fmt.Errorf("frame key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("frame key: %w", err)
	}
	return aead, nil
}

// nonce is the counter, in the last bytes; no two frames under one key have the same.
type nonce [12]byte

func (n *nonce) set(counter uint64) {
	binary.BigEndian.PutUint64(n[4:], counter)
}
