package wire

import (
	"bytes"
	"fmt"
	"testing"
)

func TestAPrintTellsKeysApartAndNothingElse(t *testing.T) {
	a, err := keyNo(t, 1).Print()
	if err != nil {
		t.Fatal(err)
	}
	again, _ := keyNo(t, 1).Print()
	other, _ := keyNo(t, 2).Print()
	if a != again || a == other {
		t.Errorf("prints %s, %s of one key and %s of another", a, again, other)
	}
	if bytes.Contains(keyNo(t, 1).reveal()[:], a[:]) {
		t.Error("the print is a part of the key")
	}
	var back KeyPrint
	text, _ := a.MarshalText()
	if err := back.UnmarshalText(text); err != nil || back != a || fmt.Sprint(a) != string(text) {
		t.Errorf("%s came back as %s: %v", a, back, err)
	}
	for _, bad := range []string{"", "0011", "00112233445566zz"} {
		if err := back.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken for a print", bad)
		}
	}
}

// While the nodes pass from one step of the rotation to the next, some go by the former keys and some by the latter ones.
func TestNeighbouringStepsOfARotationHearEachOther(t *testing.T) {
	k1, k2 := keyNo(t, 1), keyNo(t, 2)
	steps := [][]Key{{k1}, {k1, k2}, {k2, k1}, {k2}}
	for i, from := range steps {
		for j, to := range steps {
			heard := opens(t, from[0], to)
			if near := i-j <= 1 && j-i <= 1; near && !heard {
				t.Errorf("a node at step %d does not hear one at step %d", j, i)
			}
			if i == 3 && j == 0 && heard {
				t.Error("a key that was never accepted is")
			}
		}
	}
	if opens(t, k1, steps[3]) {
		t.Error("the old key is accepted after it was given up")
	}
}

// opens reports whether a Hello that is sealed with one key is heard by who goes by others.
func opens(t *testing.T, with Key, by []Key) bool {
	t.Helper()
	s, err := NewSealer("office", with, 2, 1, Salt{1})
	if err != nil {
		t.Fatal(err)
	}
	frame, err := s.Hello(nil, &Hello{To: 1, Challenge: Challenge{1}, Boot: ID{1}, Machine: ID{1}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener("office", by, SetOf(1, 2), 1, 1, Salt{2}, ID{2})
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	return o.Open(0, frame, &f) == DropNone
}
