package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"locum/wire"
)

// A wrong line must not make right ones look wrong. What it was meant to be is guessed, only to be quiet about what follows from it:
// a file with any error is not used.

// lose keeps the words of a line of which no directive could be made.
func (p *Problems) lose(number int, words []string) {
	if len(words) > 0 {
		p.lost = append(p.lost, line{number: number, words: words})
	}
}

// rough takes a line apart that the grammar does not take.
func rough(raw string) []string {
	return strings.FieldsFunc(raw, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || r == '\\' })
}

// keyFirst are the words of a first key that is a directive's keyword, as in node=2 beta.
func (l line) keyFirst() []string {
	if len(l.keys) == 0 {
		return nil
	}
	if _, known := directives[l.keys[0].key]; !known {
		return nil
	}
	return []string{l.keys[0].key, l.keys[0].value}
}

// keywordOf is what a line begins with, or was probably to begin with; "" if nothing is near.
func keywordOf(l line) string {
	word := strings.TrimPrefix(l.words[0], byteOrderMark)
	if isNumber(word) {
		return "node"
	}
	return nearest(word, sortedKeys(directives))
}

// stands reports whether the file has a line of this directive, though a wrong one: what is wrong with that is said already,
// and that there is no such line would not be true.
func (p *parser) stands(keyword string) bool {
	return len(p.Errors) > 0 && slices.ContainsFunc(p.linesOf(keyword), func(line) bool { return true })
}

// says reports whether a line of a directive, right or wrong, has a word.
func (p *parser) says(keyword, word string) bool {
	return slices.ContainsFunc(p.linesOf(keyword), func(l line) bool { return slices.Contains(l.words[1:], word) })
}

// linesOf gives the lines of a directive, and those that probably were to be.
func (p *parser) linesOf(keyword string) (list []line) {
	for _, l := range p.lines {
		if l.words[0] == keyword {
			list = append(list, l)
		}
	}
	for _, l := range p.lost {
		if keywordOf(l) == keyword {
			list = append(list, l)
		}
	}
	return list
}

// fold adds an error about a thing once; what another line would say of the same thing becomes its number at the end of the first.
func (p *parser) fold(number int, thing, format string, args ...any) {
	for i := range p.folded {
		if f := &p.folded[i]; f.thing == thing {
			if number != p.Errors[f.at].Line && !slices.Contains(f.lines, number) {
				f.lines = append(f.lines, number)
			}
			return
		}
	}
	p.folded = append(p.folded, folded{thing: thing, at: len(p.Errors)})
	p.add(number, format, args...)
}

// folded is an error that several lines have in common.
type folded struct {
	thing string
	at    int   // in Errors
	lines []int // the further ones
}

// unfold writes the numbers of the further lines.
func (p *parser) unfold() {
	for _, f := range p.folded {
		if len(f.lines) == 0 {
			continue
		}
		slices.Sort(f.lines)
		text := fmt.Sprintf("line %d says it too", f.lines[0])
		if last := len(f.lines) - 1; last > 0 {
			list := strings.Trim(strings.ReplaceAll(fmt.Sprint(f.lines[:last]), " ", ", "), "[]")
			text = fmt.Sprintf("lines %s and %d say it too", list, f.lines[last])
		}
		p.Errors[f.at].Text += "; " + text
	}
}

// presumeNodes makes nodes of those words of wrong node lines by which other lines name a node.
func (p *parser) presumeNodes() {
	names := append(slices.Clone(p.nodeNames), p.namedByPaths()...)
	for _, l := range append(slices.Clone(p.wrongNodes), p.lost...) {
		if keywordOf(l) != "node" {
			continue
		}
		for _, word := range l.words {
			host, _, _ := strings.Cut(word, ".") // with its domain
			i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, word) || strings.EqualFold(name, host) })
			if i < 0 || slices.ContainsFunc(p.cfg.Nodes, func(n Node) bool { return n.Name == names[i] }) {
				continue
			}
			p.cfg.Nodes = append(p.cfg.Nodes, Node{Number: p.freeNumber(), Name: names[i], Votes: 1, Line: l.number})
		}
	}
	sortNodes(p.cfg.Nodes)
}

// freeNumber is the largest that no node has, 0 if there is none.
func (p *parser) freeNumber() wire.Node {
	for n := wire.Node(wire.MaxNodes); n > 0; n-- {
		if !p.cfg.Members().Has(n) {
			return n
		}
	}
	return 0
}

// namedNodes are the names by which lines other than paths name nodes.
func (p *parser) namedNodes() (names []string) {
	for _, l := range p.lines {
		switch l.words[0] {
		case "fence":
			names = append(names, l.words[1:min(2, len(l.words))]...)
		case "limit":
			names = append(names, l.words[1:]...)
		case "service":
		default:
			continue
		}
		if v, ok := l.value("nodes"); ok {
			names = append(names, strings.Split(v, ",")...)
		}
	}
	return names
}

// namedByPaths are the names by which paths name nodes; one that is no key of the grammar stands among the words.
func (p *parser) namedByPaths() (names []string) {
	for _, l := range p.lines {
		kind, known := pathKinds[l.words[min(1, len(l.words)-1)]]
		if l.words[0] != "path" || !known {
			continue
		}
		for _, kv := range l.keys {
			if !slices.Contains(kind.keys, kv.key) {
				names = append(names, kv.key)
			}
		}
		for _, word := range l.words[1:] {
			if name, _, ok := strings.Cut(word, "="); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// withNodes is a path line on which a node whose name is wrong, and no key for that, has its value all the same.
func (p *parser) withNodes(l line) line {
	if len(p.wrongNodes) == 0 {
		return l
	}
	one := line{number: l.number, keys: slices.Clone(l.keys)}
	for _, word := range l.words {
		name, value, ok := strings.Cut(word, "=")
		if _, isNode := p.cfg.NodeByName(name); ok && isNode {
			one.keys = append(one.keys, pair{name, value})
		} else {
			one.words = append(one.words, word)
		}
	}
	return one
}

// swapped reports whether a node line has its name before its number.
func swapped(l line) bool {
	_, err := strconv.Atoi(l.words[2])
	return err == nil && isKey(l.words[1])
}
