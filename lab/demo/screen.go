package demo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"locum/lab"
	"locum/wire"
)

// width is the longest line of the demo, in characters.
const width = 100

// settling is how long a line is held back, so that those which come from different places stand in order of their times.
const settling = 150 * time.Millisecond

// screen writes for a person. Several may write at once.
type screen struct {
	mu   sync.Mutex
	out  io.Writer
	zero wire.Instant // what the times of a scene are counted from
	held []sighting   // not yet written
	err  error        // of the first write that failed
}

// sighting is one line: what somebody saw or did at an instant.
type sighting struct {
	at        wire.Instant
	who, text string
}

func (s *screen) write(text string) {
	if _, err := io.WriteString(s.out, text); err != nil && s.err == nil {
		s.err = err
	}
}

// print writes text as it is, after everything that was held back.
func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(lab.Now())
	s.write(text)
}

// say writes a paragraph.
func (s *screen) say(format string, args ...any) {
	s.print(wrap(fmt.Sprintf(format, args...), "", "") + "\n")
}

// title begins a scene, when all lines of the last one are there. Times count from here until begin says otherwise.
func (s *screen) title(text string) {
	time.Sleep(settling)
	s.print(fmt.Sprintf("\n-- %s %s\n", text, strings.Repeat("-", max(0, width-4-len(text)))))
	s.begin(lab.Now())
}

func (s *screen) begin(at wire.Instant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zero = at
}

// line says what somebody saw or did at an instant. What was before the scene is not told in it.
func (s *screen) line(at wire.Instant, who, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at < s.zero-wire.Instant(settling) {
		return
	}
	s.held = append(s.held, sighting{at, who, text})
}

// settle writes lines as they become old enough, until ctx ends.
func (s *screen) settle(ctx context.Context) {
	for tick(ctx) {
		s.mu.Lock()
		s.release(lab.Now() - wire.Instant(settling))
		s.mu.Unlock()
	}
}

// release writes what was held back and is of before an instant.
func (s *screen) release(before wire.Instant) {
	slices.SortStableFunc(s.held, func(a, b sighting) int { return cmp.Compare(a.at, b.at) })
	for len(s.held) > 0 && s.held[0].at <= before {
		l := s.held[0]
		s.held = s.held[1:]
		since := lab.Between(s.zero, l.at).Round(time.Millisecond) // rounded first, so that no line says -0.000
		s.write(wrap(l.text, fmt.Sprintf("%8.3f s  %-7s", since.Seconds(), l.who), strings.Repeat(" ", 19)))
	}
}

// wrap breaks text at spaces into lines of at most width characters; first and rest stand before the lines.
func wrap(text, first, rest string) string {
	var b strings.Builder
	line := first
	empty := true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) > width {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, empty = rest, true
		}
		if !empty || line != "" {
			line += " "
		}
		line += word
		empty = false
	}
	b.WriteString(line + "\n")
	return b.String()
}
