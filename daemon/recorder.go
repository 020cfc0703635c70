package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"locum/cluster"
	"locum/replay"
)

// The record is two files in the state directory, each of half of recordMost at most. Each begins with an engine as it was.
const (
	recordName = "record"
	recordOld  = "record.old"
	recordMost = 4 << 20
	// recordQueue is how many steps may wait for the disk: those of a busy minute.
	recordQueue = 4096
)

// RecordFiles are the files of a record in a state directory, the older first.
var RecordFiles = []string{recordOld, recordName}

// recorder writes down what the engine steps on, for locum replay. It never holds the engine up: what the disk does not take in
// time is left out, and the record then begins anew.
type recorder struct {
	n      *engine
	frames chan recorded
	size   int  // of the file, as this goroutine's steps have made it
	broken bool // the next frame has to be a head
}

// recorded is a frame on its way to the file.
type recorded struct {
	frame []byte
	turn  bool // it begins a new file
}

func openRecorder(n *engine) *recorder {
	r := &recorder{n: n, frames: make(chan recorded, recordQueue), broken: true}
	w := &recordWriter{dir: n.setup.StateDir, log: n.log}
	r.size = w.open()
	go func() {
		for f := range r.frames {
			w.write(f)
		}
	}()
	return r
}

// before is called when the engine is about to step: a head shows it as it is then.
func (r *recorder) before() {
	if !r.broken && r.size < recordMost/2 {
		return
	}
	if r.broken && len(r.frames) == cap(r.frames) {
		return // the disk hangs: what the head would show has no place
	}
	frozen, err := replay.Freeze(r.n.core, r.n.cfg)
	if err != nil {
		r.n.log("warn", "locum replay will lack something: "+err.Error())
		return
	}
	head := replay.Head{Program: r.n.setup.Program, Node: r.n.setup.Self, Time: time.Now().UTC(), File: r.n.setup.ConfigFile, Text: r.n.cfg.Text, Engine: frozen}
	b, err := head.Encode()
	turn := r.size+len(b) > recordMost/2
	if err != nil || !r.put(b, turn) {
		return
	}
	r.broken = false
	if turn {
		r.size = len(b)
	}
}

// after notes a step.
func (r *recorder) after(ev cluster.Event, actions []cluster.Action) {
	if r.broken {
		return
	}
	b, err := replay.Entry{Time: time.Now(), At: r.n.stepped, Event: ev, Sum: replay.SumOf(actions)}.Encode()
	if err != nil {
		r.n.log("warn", "locum replay will lack something: "+err.Error())
	}
	r.broken = err != nil || !r.put(b, false)
}

func (r *recorder) put(b []byte, turn bool) bool {
	select {
	case r.frames <- recorded{b, turn}:
		r.size += len(b)
		return true
	default:
		return false
	}
}

// recordWriter owns the files.
type recordWriter struct {
	dir  string
	log  logFunc
	file *os.File
	said bool
}

// open takes the file up after its last whole frame, and gives how long that is.
func (w *recordWriter) open() int {
	name := filepath.Join(w.dir, recordName)
	b, _ := os.ReadFile(name)
	whole := replay.Whole(b)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		if err = f.Truncate(int64(whole)); err == nil {
			_, err = f.Seek(int64(whole), 0)
		}
		if err != nil {
			f.Close()
		}
	}
	if err != nil {
		w.complain(err)
		return recordMost // to be begun anew
	}
	w.file = f
	return whole
}

func (w *recordWriter) write(r recorded) {
	if r.turn {
		w.turn()
	}
	if w.file == nil {
		return
	}
	if _, err := w.file.Write(r.frame); err != nil {
		w.complain(err)
		w.file.Close()
		w.file = nil // until the next turn
	}
}

// turn begins a new file, and keeps the one before.
func (w *recordWriter) turn() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
	name := filepath.Join(w.dir, recordName)
	_ = os.Rename(name, filepath.Join(w.dir, recordOld))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		w.complain(err)
		return
	}
	w.file, w.said = f, false
}

func (w *recordWriter) complain(err error) {
	if !w.said {
		w.log("warn", fmt.Sprintf("what the engine does is not recorded for locum replay: %v", err))
	}
	w.said = true
}
