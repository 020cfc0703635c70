package config

import (
	"cmp"
	"strings"
)

func (p *parser) key(l line) {
	if !p.take(l, "key FILE [next=FILE|previous=FILE]", 1, 1, "next", "previous") || !p.once(l) {
		return
	}
	c := p.cfg
	p.file0(l, "key", l.words[1])
	c.KeyFile = l.words[1]
	c.NextKey, _ = l.value("next")
	c.PreviousKey, _ = l.value("previous")
	other := cmp.Or(c.NextKey, c.PreviousKey)
	switch {
	case other == "":
		return
	case c.NextKey != "" && c.PreviousKey != "":
		p.add(l.number, "key: next= and previous= exclude each other: two keys are accepted at a time")
	case other == c.KeyFile:
		p.add(l.number, "key: %s is named twice", other)
	default:
		p.file0(l, "key", other)
		p.warn(l.number, "the key is being replaced: two keys are accepted; next, have locum apply a file with the line: %s", c.NextKeyLine())
	}
}

// KeyFiles are the files of the keys that are accepted: with the first all is sealed.
func (c *Config) KeyFiles() []string {
	if other := cmp.Or(c.NextKey, c.PreviousKey); other != "" {
		return []string{c.KeyFile, other}
	}
	return []string{c.KeyFile}
}

// NextKeyLine is the key line of the next step by which a key is replaced, "" if none is being replaced.
func (c *Config) NextKeyLine() string {
	switch {
	case c.NextKey != "":
		return "key " + word(c.NextKey) + " previous=" + word(c.KeyFile)
	case c.PreviousKey != "":
		return "key " + word(c.KeyFile)
	}
	return ""
}

// word is a path as the file spells it.
func word(path string) string {
	if path == "" || strings.ContainsAny(path, " \t\"\\#") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
	}
	return path
}
