package daemon

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// logFunc takes one line of the log; level is info, warn or alarm.
type logFunc func(level, text string)

// levels gives zerolog's level and the prefix by which systemd's journal knows it (sd-daemon(3)).
var levels = map[string]struct {
	z      zerolog.Level
	prefix string
}{
	"info":  {zerolog.InfoLevel, "<6>"},
	"warn":  {zerolog.WarnLevel, "<4>"},
	"alarm": {zerolog.ErrorLevel, "<3>"},
}

// newLog writes one line an entry: for people on a terminal, else with the journal's priority. It never blocks its caller:
// lines that standard error does not take are dropped. flush waits, not for long, for what is under way.
//
// A journal that goes away ends nobody either: Go ends a program that writes to a broken standard error, unless it hears of SIGPIPE
// itself. To ignore the signal instead would hand that on to the services.
func newLog(to *os.File) (log logFunc, flush func()) {
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	q := &lineQueue{to: to, lines: make(chan []byte, 256)}
	go q.run()
	if !isTerminal(to) {
		return func(level, text string) {
			line := fmt.Sprintf("%s%s: %s\n", levels[level].prefix, level, strings.ReplaceAll(text, "\n", "; "))
			_, _ = q.Write([]byte(line))
		}, q.flush
	}
	z := zerolog.New(zerolog.ConsoleWriter{Out: q, TimeFormat: "15:04:05.000", NoColor: os.Getenv("NO_COLOR") != ""}).With().Timestamp().Logger()
	return func(level, text string) { z.WithLevel(levels[level].z).Msg(text) }, q.flush
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// lineQueue keeps a reader of standard error that hangs from hanging the process.
type lineQueue struct {
	to    io.Writer
	lines chan []byte
}

// Write takes a line, or drops it.
func (q *lineQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- append([]byte(nil), line...):
	default:
	}
	return len(line), nil
}

func (q *lineQueue) run() {
	for line := range q.lines {
		_, _ = q.to.Write(line) // where would one say it?
	}
}

// flushTime bounds the wait for standard error at the end of the process.
const flushTime = 200 * time.Millisecond

// flush pushes as many empty lines as the queue holds: when they are in, and one more, all before them is out.
func (q *lineQueue) flush() {
	deadline := time.After(flushTime)
	for range cap(q.lines) + 1 {
		select {
		case q.lines <- nil:
		case <-deadline:
			return
		}
	}
}
