package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// hint says what the words that a line has too many of were probably meant to be, "" if there is no telling.
func hint(l line, extra, keys []string) string {
	for i, word := range extra {
		for _, between := range []string{"=", ":"} {
			if key, value, ok := strings.Cut(word, between); ok && slices.Contains(keys, strings.ToLower(key)) {
				return fmt.Sprintf("; for %s, did you mean %s=%s?", word, strings.ToLower(key), value)
			}
		}
		value := strings.Join(extra[i+1:min(i+2, len(extra))], "")
		if value == "=" && i+2 < len(extra) {
			value = extra[i+2]
		}
		if slices.Contains(keys, word) && value != "" {
			return fmt.Sprintf("; did you mean %s=%s?", word, strings.TrimPrefix(value, "="))
		}
	}
	for _, kv := range l.keys {
		if kv.value == "" || strings.HasSuffix(kv.value, ",") {
			return fmt.Sprintf("; no blank may stand after %s=%s", kv.key, kv.value)
		}
	}
	return ""
}

// mistyped reports whether a key stands on the line with a wrong letter or two.
func (l line) mistyped(key string, keys []string) bool {
	return slices.ContainsFunc(l.keys, func(kv pair) bool { return !slices.Contains(keys, kv.key) && nearest(kv.key, keys) == key })
}

// onlyAddress says what of a word is too much for the address of one host, or too little.
func onlyAddress(key, word string) string {
	if prefix, err := netip.ParsePrefix(word); err == nil {
		return fmt.Sprintf("; write it without the length of its prefix: %s=%s", key, prefix.Addr())
	}
	if both, err := netip.ParseAddrPort(word); err == nil {
		return fmt.Sprintf("; the port is the same for all and has a key of its own: %s=%s port=%d", key, both.Addr(), both.Port())
	}
	if isHost(word) && strings.ContainsFunc(word, func(r rune) bool { return r >= 'g' && r <= 'z' }) {
		return "; no name is looked up, since the server that knows it may be gone when it is needed: write the address"
	}
	return ""
}

// withScheme says how an address without its scheme is written, "" if that would be none either.
func withScheme(word string) string {
	if host, _, _ := strings.Cut(word, "/"); isHost(host) {
		return "; did you mean http://" + word + "?"
	}
	return ""
}
