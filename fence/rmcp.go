package fence

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash"
)

// Packets of IPMI 2.0 over a network ("lanplus"; IPMI specification 2.0 revision 1.1, sections 13.6, 13.28 and 13.29).

// Payload types.
const (
	payloadIPMI        = 0x00
	payloadOpenRequest = 0x10
	payloadOpenAnswer  = 0x11
	payloadRAKP1       = 0x12
	payloadRAKP2       = 0x13
	payloadRAKP3       = 0x14
	payloadRAKP4       = 0x15

	payloadSealed = 0xc0 // encrypted and authenticated
	maxPacket     = 1024
)

// rmcpHead begins every packet: RMCP version 1.0, no acknowledgement, class IPMI; then the format of version 2.0.
var rmcpHead = []byte{0x06, 0x00, 0xff, 0x07, 0x06}

var errPacket = errors.New("a malformed packet")

// ipmiKeys seal and open the packets of a session.
type ipmiKeys struct {
	hash      func() hash.Hash
	code      int    // length of the authentication code
	integrity []byte // K1
	secrecy   []byte // K2, 16 bytes
}

// plainPacket is a packet outside of a session.
func plainPacket(kind byte, payload []byte) []byte {
	b := append(bytes.Clone(rmcpHead), kind)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, payload...)
}

// openPlain gives the payload of a packet outside of a session.
func openPlain(b []byte, kind byte) ([]byte, error) {
	if len(b) < 16 || !bytes.Equal(b[:5], rmcpHead) || b[5] != kind || !bytes.Equal(b[6:14], make([]byte, 8)) {
		return nil, errPacket
	}
	if n := int(binary.LittleEndian.Uint16(b[14:])); n <= len(b)-16 {
		return b[16 : 16+n], nil
	}
	return nil, errPacket
}

// seal makes a packet of a session: AES-CBC-128 over the message, then a code over all from the format on.
func (k *ipmiKeys) seal(session, sequence uint32, message []byte) ([]byte, error) {
	pad := (aes.BlockSize - (len(message)+1)%aes.BlockSize) % aes.BlockSize
	text := bytes.Clone(message)
	for i := range pad {
		text = append(text, byte(i+1))
	}
	text = append(text, byte(pad))
	block, err := aes.NewCipher(k.secrecy)
	if err != nil {
		return nil, err
	}
	iv := make([]byte, aes.BlockSize)
	if _, err := rand.Read(iv); err != nil {
		return nil, err
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	b := append(bytes.Clone(rmcpHead), payloadSealed|payloadIPMI)
	b = binary.LittleEndian.AppendUint32(b, session)
	b = binary.LittleEndian.AppendUint32(b, sequence)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(iv)+len(text)))
	b = append(append(b, iv...), text...)
	fill := (4 - (len(b)-4+2)%4) % 4
	b = append(b, bytes.Repeat([]byte{0xff}, fill)...)
	b = append(b, byte(fill), 0x07)
	return append(b, k.mac(b[4:])...), nil
}

// open checks a packet of a session and gives its sequence and message. Nothing of it is believed before its code is right.
func (k *ipmiKeys) open(b []byte, session uint32) (sequence uint32, message []byte, err error) {
	if len(b) < 16+k.code+2 || !bytes.Equal(b[:5], rmcpHead) || b[5] != payloadSealed|payloadIPMI || binary.LittleEndian.Uint32(b[6:]) != session {
		return 0, nil, errPacket
	}
	body, code := b[4:len(b)-k.code], b[len(b)-k.code:]
	if !hmac.Equal(k.mac(body), code) {
		return 0, nil, errPacket
	}
	n := int(binary.LittleEndian.Uint16(b[14:]))
	if n < 2*aes.BlockSize || n%aes.BlockSize != 0 || 16+n > len(b)-k.code-2 {
		return 0, nil, errPacket
	}
	block, err := aes.NewCipher(k.secrecy)
	if err != nil {
		return 0, nil, err
	}
	text := bytes.Clone(b[16+aes.BlockSize : 16+n])
	cipher.NewCBCDecrypter(block, b[16:16+aes.BlockSize]).CryptBlocks(text, text)
	pad := int(text[len(text)-1])
	if pad >= len(text) {
		return 0, nil, errPacket
	}
	return binary.LittleEndian.Uint32(b[10:]), text[:len(text)-1-pad], nil
}

func (k *ipmiKeys) mac(b []byte) []byte { return keyed(k.hash, k.integrity, b)[:k.code] }

// keyed is an HMAC over all parts.
func keyed(h func() hash.Hash, key []byte, parts ...[]byte) []byte {
	m := hmac.New(h, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// ipmiRequest is a message to the board (section 13.8): two addresses, a number for the answer, and two checksums.
func ipmiRequest(function, number, command byte, data []byte) []byte {
	b := []byte{0x20, function << 2}
	b = append(b, checksum(b), 0x81, number<<2, command)
	b = append(b, data...)
	return append(b, checksum(b[3:]))
}

// ipmiAnswer gives what an answer to that request says: its completion code and data. The requester's address in it is not
// compared: boards differ in it, and the session says whom it is for.
func ipmiAnswer(b []byte, function, number, command byte) (code byte, data []byte, err error) {
	if len(b) < 8 || b[1]>>2 != function|1 || checksum(b[:3]) != 0 || b[4]>>2 != number || b[5] != command || checksum(b[3:]) != 0 {
		return 0, nil, errPacket
	}
	return b[6], b[7 : len(b)-1], nil
}

func checksum(b []byte) byte {
	var sum byte
	for _, c := range b {
		sum += c
	}
	return -sum
}
