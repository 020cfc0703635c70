package fence

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"locum/wire"
)

// maxWords bounds what an error repeats of a device's words, in characters.
const maxWords = 160

// powerIn finds out what a text says: on or off if just one of the two words stands in it.
func powerIn(text, offWord, onWord string) (wire.Power, error) {
	off, on := hasWord(text, offWord), hasWord(text, onWord)
	switch {
	case off && !on:
		return wire.PowerOff, nil
	case on && !off:
		return wire.PowerOn, nil
	case on && off:
		return wire.PowerUnknown, fmt.Errorf("says both %q and %q", offWord, onWord)
	}
	return wire.PowerUnknown, fmt.Errorf("says neither %q nor %q", offWord, onWord)
}

// hasWord reports whether a word stands in the text by itself. "offline", "auto_off" and "power-off" do not hold "off", and "0.5" no "0".
func hasWord(text, word string) bool {
	for from := 0; word != "" && from <= len(text)-len(word); {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		if (at == 0 || !joins(before)) && (at+len(word) == len(text) || !joins(after)) && !pointAt(text, at-1) && !pointAt(text, at+len(word)) {
			return true
		}
		from = at + 1
	}
	return false
}

// pointAt reports whether a point in a number stands there, or in an address: neither "0.5" nor "192.0.2.50" holds "0".
func pointAt(text string, at int) bool {
	digit := func(at int) bool { return at >= 0 && at < len(text) && text[at] >= '0' && text[at] <= '9' }
	return digit(at-1) && digit(at+1) && text[at] == '.'
}

// joins reports whether a character makes one word of what stands on its two sides.
func joins(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-' || r == utf8.RuneError
}

// brief is the end of a program's or a device's words, in quotes, fit for one line of a log.
func brief(text string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "?"))
	text = strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	if r := []rune(text); len(r) > maxWords {
		text = "…" + string(r[len(r)-maxWords:])
	}
	return fmt.Sprintf("%q", text)
}

// plain is an error's text as one line of bounded length: some quote at any length what a device sent.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if r := []rune(text); len(r) > maxWords {
		text = string(r[:maxWords]) + "…"
	}
	return text
}
