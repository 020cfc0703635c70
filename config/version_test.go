package config

import "testing"

func TestAFileSaysWhichVersionItIs(t *testing.T) {
	const text = "cluster t\nkey /k"
	if e, c := Version(text); e != 0 || c != 0 {
		t.Errorf("a file written by hand is version %d.%d", e, c)
	}
	first := WithVersion(text, 7, 3)
	again := WithVersion(first, 1<<63, 1<<64-1)
	for _, x := range []struct {
		text         string
		epoch, count uint64
	}{{first, 7, 3}, {again, 1 << 63, 1<<64 - 1}, {text + "\n# in force as version x\n", 0, 0}, {"# in force as version 1", 0, 0}} {
		if e, c := Version(x.text); e != x.epoch || c != x.count {
			t.Errorf("%q is version %d.%d, want %d.%d", x.text, e, c, x.epoch, x.count)
		}
	}
	if len(again) > len(first)+40 {
		t.Errorf("two versions stand in %q", again)
	}
	a, b := &Config{Text: text}, &Config{Text: again}
	if a.Fingerprint() != b.Fingerprint() {
		t.Error("the version changes what the file means")
	}
}
