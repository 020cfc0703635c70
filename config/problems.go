package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong in a file, and where.
type Problem struct {
	File string
	Line int // 0: the file as a whole
	Text string
}

// String is the problem as compilers write it: file:line: text.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// Problems is all that was found in one file.
type Problems struct {
	file     string
	Errors   []Problem // in order of line; with any of them there is no Config
	Warnings []Problem // what is allowed and probably not meant; of the file as a whole only where there is no error
	lost     []line    // lines of which no directive could be made, by their words
}

// Error lists all errors, a line each.
func (p *Problems) Error() string {
	var list []string
	for _, e := range p.Errors {
		list = append(list, e.String())
	}
	return strings.Join(list, "\n")
}

func (p *Problems) add(line int, format string, args ...any) {
	p.Errors = append(p.Errors, Problem{p.file, line, fmt.Sprintf(format, args...)})
}

func (p *Problems) warn(line int, format string, args ...any) {
	p.Warnings = append(p.Warnings, Problem{p.file, line, fmt.Sprintf(format, args...)})
}

func (p *Problems) sort() {
	byLine := func(a, b Problem) int { return a.Line - b.Line }
	slices.SortStableFunc(p.Errors, byLine)
	slices.SortStableFunc(p.Warnings, byLine)
}

// meant adds the word that was probably meant, if one of those that exist is near.
func meant(word string, exist []string) string {
	if len(exist) == 0 {
		return "there are none"
	}
	text := "there are: " + strings.Join(exist, ", ")
	if best := nearest(word, exist); best != "" {
		return fmt.Sprintf("did you mean %q? (%s)", best, text)
	}
	return text
}

// either is a list of what may be written.
func either(list []string) string {
	if last := len(list) - 1; last > 0 {
		return strings.Join(list[:last], ", ") + " or " + list[last]
	}
	return strings.Join(list, "")
}

// nearest is the word that is at most two letters away, the nearest of several; "" if there is none.
func nearest(word string, exist []string) string {
	best, least := "", 3
	for _, e := range exist {
		if d := distance(word, e); d < least {
			best, least = e, d
		}
	}
	return best
}

// distance is the number of single letters to change, add or drop.
func distance(a, b string) int {
	if len(a) > 40 || len(b) > 40 {
		return 40
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := last
			if a[i-1] != b[j-1] {
				cost++
			}
			last = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
