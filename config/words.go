package config

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// line is one directive as it stands in the file: words, and key=value words, in order.
type line struct {
	number int
	words  []string // positional, the keyword first
	keys   []pair
}

type pair struct{ key, value string }

func (l line) value(key string) (string, bool) {
	for _, p := range l.keys {
		if p.key == key {
			return p.value, true
		}
	}
	return "", false
}

// Limits of the file, far above what a cluster of 64 nodes needs.
const (
	maxText = 256 << 10
	maxLine = 4096
)

// split reads one line of the grammar: words between blanks; double quotes hold blanks together and know \" and \\; a
// word that begins with # ends the line; a bare word [a-z][a-z0-9-]*=… is key=value, and one that begins with a quote
// is always positional.
func split(text string) (words []string, keys []pair, err error) {
	rest := text
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == '#' {
			return words, keys, nil
		}
		quoted := rest[0] == '"'
		key := ""
		if k, after, ok := strings.Cut(rest, "="); ok && !quoted && isKey(k) {
			key, rest = k, after
		}
		var word string
		if word, rest, err = takeWord(rest); err != nil {
			return nil, nil, err
		}
		if !utf8.ValidString(word) { // heart, engine and nodes hand the file to each other as JSON, which knows nothing else
			return nil, nil, fmt.Errorf("%q is not UTF-8; save the file as UTF-8", word)
		}
		if key != "" {
			keys = append(keys, pair{key, word})
		} else {
			words = append(words, word)
		}
	}
}

func isKey(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '-'):
		default:
			return false
		}
	}
	return s != ""
}

// takeWord reads up to the next blank outside quotes.
func takeWord(s string) (word, rest string, err error) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			if i++; i >= len(s) || s[i] != '"' && s[i] != '\\' {
				return "", "", fmt.Errorf(`after \ in quotes only " or \ may stand`)
			}
			b.WriteByte(s[i])
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", "", fmt.Errorf("a control character (%#02x)", c)
		case (c == ' ' || c == '\t') && !quoted:
			return b.String(), s[i:], nil
		default:
			b.WriteByte(c)
		}
	}
	if quoted {
		return "", "", fmt.Errorf(`a quote is opened and not closed; every line stands alone`)
	}
	return b.String(), "", nil
}

// lines reads the whole text.
func lines(p *Problems, text string) []line {
	var list []line
	if len(text) > maxText {
		p.add(1, "the file has %d bytes; at most %d are read", len(text), maxText)
		return nil
	}
	number := 0
	for raw := range strings.Lines(text) {
		number++
		raw = strings.TrimRight(raw, "\r\n")
		if len(raw) > maxLine {
			p.add(number, "the line has %d bytes; at most %d are read", len(raw), maxLine)
			p.lose(number, rough(raw))
			continue
		}
		words, keys, err := split(raw)
		switch {
		case err != nil:
			p.add(number, "%v", err)
			p.lose(number, rough(raw))
		case len(words) == 0 && len(keys) > 0:
			p.add(number, "the line begins with %s=; a directive's keyword comes first, and a blank after it", keys[0].key)
			p.lose(number, rough(raw))
		case len(words) > 0:
			list = append(list, line{number, words, keys})
		}
	}
	return list
}
