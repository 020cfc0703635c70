package wire

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func TestParseKeyTakesOneLineOfTheRightLength(t *testing.T) {
	raw := []byte("0123456789abcdef0123456789ABCDEF")
	b64, hexa := base64.StdEncoding.EncodeToString(raw), hex.EncodeToString(raw)
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"base64", b64, true},
		{"base64 with a line end", b64 + "\n", true},
		{"base64 with a line end of Windows", b64 + "\r\n", true},
		{"hexadecimal", hexa + "\n", true},
		{"hexadecimal in capitals", strings.ToUpper(hexa), true},
		{"nothing", "", false},
		{"two lines", b64 + "\n" + b64 + "\n", false},
		{"an empty line after", b64 + "\n\n", false},
		{"a space before", " " + b64, false},
		{"a digit short", hexa[1:], false},
		{"a letter that is not hexadecimal", "g" + hexa[1:], false},
		{"a sign that is not base64", "!" + b64[1:], false},
		{"a line end inside", b64[:10] + "\n" + b64[11:], false},
		{"bits left over at the end", b64[:42] + "H=", false},
		{"31 bytes", base64.StdEncoding.EncodeToString(raw[1:]), false},
		{"all zero", strings.Repeat("0", 64), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := ParseKey([]byte(tt.text))
			if (err == nil) != tt.ok {
				t.Fatalf("error %v", err)
			}
			if tt.ok && string(k.reveal()[:]) != string(raw) {
				t.Error("another key than was written")
			}
			if err != nil && (!k.IsZero() || len(tt.text) > 8 && strings.Contains(err.Error(), tt.text[2:8])) {
				t.Errorf("a key beside the error, or part of the text in it: %v", err)
			}
		})
	}
}

func TestNewKeyWantsRandomBytes(t *testing.T) {
	for name, raw := range map[string][]byte{"too few": make([]byte, 31), "all the same": make([]byte, 32), "none": nil} {
		if text, err := NewKey(raw); err == nil || text != "" {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestEqualComparesTheSecret(t *testing.T) {
	if !keyNo(t, 1).Equal(keyNo(t, 1)) || keyNo(t, 1).Equal(keyNo(t, 2)) || (Key{}).Equal(keyNo(t, 1)) || !(Key{}).Equal(Key{}) {
		t.Error("Equal does not compare the secret")
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte(strings.Repeat("0f", 32)))
	f.Add([]byte("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKey(text)
		if (err == nil) == k.IsZero() {
			t.Fatalf("a key and an error, or neither: %v", err)
		}
		if err != nil {
			return
		}
		again, err := NewKey(k.reveal()[:])
		if err != nil {
			t.Fatal(err)
		}
		if b, err := ParseKey([]byte(again)); err != nil || !b.Equal(k) {
			t.Fatalf("written again it reads as another key, error %v", err)
		}
	})
}
