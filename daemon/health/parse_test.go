package health

import (
	"os"
	"strings"
	"testing"
)

func TestWhatTheKernelWritesIsRead(t *testing.T) {
	const psi = "some avg10=61.50 avg60=1.37 avg300=1.42 total=37854203\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=1421550\n"
	for _, tc := range []struct {
		name, text string
		parse      func([]byte) (int64, error)
		want       int64
		wrong      string
	}{
		{"a load", "9.30 1.85 2.08 15/326 2630\n", parseLoad, 930, ""},
		{"a load of thousands", "12345.67 0.00 0.00 1/2 3\n", parseLoad, 1234567, ""},
		{"an empty load", "", parseLoad, 0, "no load"},
		{"a load of one decimal", "9.3 1.85 2.08 15/326 2630\n", parseLoad, 0, "two decimals"},
		{"a load below nothing", "-1.00 1.85 2.08 15/326 2630\n", parseLoad, 0, "invalid syntax"},
		{"a load that is too long", "1234567890.00 0.00\n", parseLoad, 0, "two decimals"},
		{"pressure", psi, parsePressure, 6150, ""},
		{"pressure whose first line is another", "full avg10=3.00 avg60=0.00 avg300=0.00 total=1\n" + psi, parsePressure, 6150, ""},
		{"no pressure", "", parsePressure, 0, "no \"some avg10=\""},
		{"memory", "MemTotal:       24683656 kB\nMemFree:        21176724 kB\nMemAvailable:   23701996 kB\n", parseMemory, 23701996 << 10, ""},
		{"memory of an old kernel", "MemTotal:       24683656 kB\n", parseMemory, 0, "no MemAvailable"},
		{"memory in another unit", "MemAvailable:   23 MB\n", parseMemory, 0, "not in kB"},
	} {
		got, err := tc.parse([]byte(tc.text))
		if tc.wrong == "" && (err != nil || got != tc.want) || tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong)) {
			t.Errorf("%s: %d, %v; want %d, %q", tc.name, got, err, tc.want, tc.wrong)
		}
	}
}

// fuzzParser: whatever stands in a file, no value below nothing comes of it.
func fuzzParser(f *testing.F, file string, parse func([]byte) (int64, error)) {
	text, err := os.ReadFile(file)
	if err == nil { // not every kernel has it
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if value, err := parse(text); err == nil && value < 0 {
			t.Errorf("%q is %d", text, value)
		}
	})
}

func FuzzParseLoad(f *testing.F)     { fuzzParser(f, "/proc/loadavg", parseLoad) }
func FuzzParsePressure(f *testing.F) { fuzzParser(f, "/proc/pressure/io", parsePressure) }
func FuzzParseMemory(f *testing.F)   { fuzzParser(f, "/proc/meminfo", parseMemory) }

// Whatever comes over the network, only what bears the question's own numbers is its answer.
func FuzzAnswer(f *testing.F) {
	q := question{id: 0x1234, seq: 0x5678}
	for _, six := range []bool{false, true} {
		q.six = six
		b, err := q.bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, six)
		b[0] = map[bool]byte{false: 0, true: 129}[six] // a reply
		f.Add(b, six)
	}
	f.Fuzz(func(t *testing.T, b []byte, six bool) {
		q := question{six: six, id: 0x1234, seq: 0x5678}
		if q.answeredBy(b) && (len(b) < 8 || b[4] != 0x12 || b[5] != 0x34 || b[6] != 0x56 || b[7] != 0x78) {
			t.Errorf("%x is taken for an answer", b)
		}
	})
}

func TestAQuestionIsAnsweredByItsReplyAlone(t *testing.T) {
	for _, six := range []bool{false, true} {
		q := question{six: six, id: 7, seq: 9}
		b, err := q.bytes()
		if err != nil {
			t.Fatal(err)
		}
		if q.answeredBy(b) {
			t.Error("the question itself is taken for its answer")
		}
		b[0] = map[bool]byte{false: 0, true: 129}[six]
		if !q.answeredBy(b) {
			t.Error("the answer is not known")
		}
		if (question{six, 7, 10}).answeredBy(b) || (question{six, 8, 9}).answeredBy(b) {
			t.Error("the answer to another question is taken for this one's")
		}
	}
}
