package fence

import (
	"strings"
	"testing"
	"unicode/utf8"

	"locum/wire"
)

func TestWordsAreFoundByThemselves(t *testing.T) {
	for _, tc := range []struct {
		text, word string
		want       bool
	}{
		{"state: off", "off", true}, {"off", "off", true}, {"offline", "off", false}, {"turnoff off", "off", true},
		{"", "on", false}, {"front on", "on", true}, {"offoff", "off", false}, {"on/off", "on", true}, {`"on"`, "on", true},
		{"auto_off", "off", false}, {"power-off", "off", false}, {"off-line", "off", false}, {"off\n", "off", true},
		{"aoff", "off", false}, {"öoff", "off", false}, {"offö", "off", false}, {"off5", "off", false}, {"\xffoff", "off", false},
		{"off", "", false}, {"of", "off", false}, {"power off now", "power off", true}, {"aa aaa", "aaa", true}, {"<b>off</b>", "off", true},
		{"0.5 W", "0", false}, {"W=3.0", "0", false}, {"no route to 192.0.2.50", "0", false}, {"busy: 192.0.2.50", "192.0", false}, {"state 0.", "0", true}, {"state .0", "0", true},
		{"0", "0", true}, {"1:0", "0", true}, {"3.0, 0", "0", true}, {"1.off", "off", true}, {"off.5", "off", true}, {"state=0,1.5 W", "0", true},
	} {
		if got := hasWord(tc.text, tc.word); got != tc.want {
			t.Errorf("%q in %q: %v", tc.word, tc.text, got)
		}
	}
}

func TestWhatADeviceSaysIsCutToOneLine(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, tc := range []struct{ name, got, want string }{
		{"the last line", brief("first\nlast\n\n"), `"last"`},
		{"nothing", brief("\n"), `""`},
		{"control characters", brief("a\x1b[2J"), `"a\x1b[2J"`},
		{"a long line", brief(long), `"…` + long[:maxWords] + `"`},
		{"an error over several lines", plain("a\r\nb\x00"), "a  b "},
		{"a long error", plain(long), long[:maxWords] + "…"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}

func FuzzWhatADeviceSays(f *testing.F) {
	f.Add("Status: OFF", 2)
	f.Add("Status: ON", 0)
	f.Add("{\"auto_off\":0,\"on\":true}", 0)
	f.Add("ON\xff OFF", 2)
	f.Fuzz(func(t *testing.T, text string, code int) {
		power, err := agentPower(code, text)
		if (err == nil) != (power != wire.PowerUnknown) {
			t.Fatalf("%s with %v", power, err)
		}
		words := strings.FieldsFunc(text, func(r rune) bool { return !joins(r) })
		has := func(word string) bool {
			for _, w := range words {
				if w == word {
					return true
				}
			}
			return false
		}
		// The dumb way of finding words is the judge.
		if power == wire.PowerOff && (code != 2 || !has("OFF") || has("ON")) || power == wire.PowerOn && (code != 0 || !has("ON") || has("OFF")) {
			t.Fatalf("%q with exit status %d is said to be %s", text, code, power)
		}
		if b := brief(text); strings.ContainsAny(b, "\n\r\x1b") || !utf8.ValidString(b) {
			t.Fatalf("%q is no line for a log", b)
		}
		if p := plain(text); strings.ContainsAny(p, "\n\r\x1b") || !utf8.ValidString(p) || utf8.RuneCountInString(p) > maxWords+1 {
			t.Fatalf("%q is no line for a log", p)
		}
	})
}
