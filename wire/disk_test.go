package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestASealOfADiskIsOfOneClusterAndKeyAndShowsNothing(t *testing.T) {
	key := func(digits string) Key {
		k, err := ParseKey([]byte(strings.Repeat(digits, 4)))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	seal := func(cluster string, k Key) DiskSeal {
		s, err := DiskSealOf(cluster, k)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one := seal("office", key("0123456789abcdef"))
	if same := seal("office", key("0123456789abcdef")); same.Mark != one.Mark || same.Tag([]byte("x")) != one.Tag([]byte("x")) {
		t.Error("the same cluster and key give two seals")
	}
	for _, other := range []DiskSeal{seal("plant", key("0123456789abcdef")), seal("office", key("1123456789abcdef"))} {
		if other.Mark == one.Mark || other.Tag([]byte("x")) == one.Tag([]byte("x")) {
			t.Error("another cluster or key gives the same seal")
		}
	}
	shown := fmt.Appendf(nil, "%v %+v %#v %s %x %v", one, one, one, one, one, struct{ S DiskSeal }{one})
	if bytes.Contains(shown, []byte(fmt.Sprintf("%x", one.Mark))) || !bytes.Contains(shown, []byte("hidden")) {
		t.Errorf("%s", shown)
	}
}
