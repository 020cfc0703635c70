package config

import (
	"fmt"
	"strings"
)

// versionMark begins the comment in which a file that was applied says which version it is. A file that was written by
// hand has none and counts as older than all that were applied.
const versionMark = "# in force as version "

// Version reads which version of the cluster's file a text is: the epoch in which it was applied and a count; 0, 0 if it
// was written by hand.
func Version(text string) (epoch, count uint64) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, versionMark); ok {
			var e, c uint64
			if n, err := fmt.Sscanf(rest, "%d.%d", &e, &c); n == 2 && err == nil {
				epoch, count = e, c
			}
		}
	}
	return epoch, count
}

// WithVersion gives the text as that version; what it said of its version before is taken out.
func WithVersion(text string, epoch, count uint64) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, versionMark) {
			b.WriteString(line)
		}
	}
	if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%s%d.%d\n", versionMark, epoch, count)
	return b.String()
}

// AppliedAfter reports whether this file was applied after another; one written by hand never was.
func (c *Config) AppliedAfter(o *Config) bool {
	epoch, count := Version(c.Text)
	other, before := Version(o.Text)
	return epoch > other || epoch == other && count > before
}
