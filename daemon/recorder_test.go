package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"locum/cluster"
	"locum/replay"
)

// frame is one whole frame of a record.
func aFrame(t *testing.T) []byte {
	t.Helper()
	b, err := replay.Entry{Time: time.Unix(1, 0), Event: cluster.Tick{}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestARecordIsTakenUpAfterItsLastWholeFrame(t *testing.T) {
	dir, frame := t.TempDir(), aFrame(t)
	name := filepath.Join(dir, recordName)
	if err := os.WriteFile(name, append(bytes.Repeat(frame, 3), frame[:7]...), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &recordWriter{dir: dir, log: quiet}
	if size := w.open(); size != 3*len(frame) {
		t.Errorf("it is taken up at %d, a frame has %d", size, len(frame))
	}
	w.write(recorded{frame: frame})
	if got, _ := os.ReadFile(name); !bytes.Equal(got, bytes.Repeat(frame, 4)) {
		t.Errorf("it holds %d bytes", len(got))
	}
	w.write(recorded{frame: frame, turn: true})
	old, _ := os.ReadFile(filepath.Join(dir, recordOld))
	now, _ := os.ReadFile(name)
	if len(old) != 4*len(frame) || !bytes.Equal(now, frame) {
		t.Errorf("after a turn: %d and %d bytes", len(old), len(now))
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestARecordThatCannotBeWrittenIsSaidOnce(t *testing.T) {
	said := 0
	w := &recordWriter{dir: filepath.Join(t.TempDir(), "nosuch"), log: func(string, string) { said++ }}
	w.open()
	for range 3 {
		w.write(recorded{frame: []byte("x")})
		w.write(recorded{frame: []byte("x"), turn: true})
	}
	if said != 1 {
		t.Errorf("it was said %d times", said)
	}
}

// A record that the disk does not take must not cost the engine a picture of itself at each step.
func TestNobodyIsPicturedForARecordThatHangs(t *testing.T) {
	r := &recorder{n: &engine{log: quiet}, frames: make(chan recorded, 1), broken: true}
	r.frames <- recorded{}
	defer func() {
		if recover() != nil {
			t.Error("the engine was pictured for nothing")
		}
	}()
	r.before()
}
