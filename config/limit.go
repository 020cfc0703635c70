package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"locum/wire"
)

// Limit is one limit of a "limit" line: past it for its time, a node hands its services over before it fails. A line gives one
// for each of its keys, in the order of limitKeys.
type Limit struct {
	Kind LimitKind
	// Bound is the largest value that is well (load, pressures: in hundredths), or the smallest (memory, disk: in bytes). Of a
	// gateway and a link it is 1: they are well when up.
	Bound    int64
	Path     string       // disk: any file of the file system
	Gateways []netip.Addr // gateway: it is past its limit when none of them answers
	Link     string       // link: the interface
	For      time.Duration
	Nodes    []wire.Node // which it is about, in order of number
	Line     int
}

// LimitKind is what a limit is about: the key of its line.
type LimitKind string

// The kinds of limits. The first four are of what a node has too much of, the next two of what it has too little of.
const (
	LimitLoad           LimitKind = "load"
	LimitCPUPressure    LimitKind = "cpu-pressure"
	LimitIOPressure     LimitKind = "io-pressure"
	LimitMemoryPressure LimitKind = "memory-pressure"
	LimitMemory         LimitKind = "memory"
	LimitDisk           LimitKind = "disk"
	LimitGateway        LimitKind = "gateway"
	LimitLink           LimitKind = "link"
)

// DefaultLimitFor is how long a limit has to be passed where its line says nothing.
const DefaultLimitFor = 30 * time.Second

// MaxLimits is how many limits a file may have.
const MaxLimits = 64

const limitForm = "limit [NODE…] [load=8] [memory=512M] [disk=PATH:1G] [cpu-pressure=60] [io-pressure=40] [memory-pressure=20] [gateway=ADDRESS,…] [link=INTERFACE] [for=30s] [nodes=A,B]"

// limitReaders read the value of each kind.
var limitReaders = []struct {
	kind LimitKind
	read func(*parser, line, string, *Limit)
}{
	{LimitLoad, (*parser).limitLoad},
	{LimitCPUPressure, (*parser).limitPressure},
	{LimitIOPressure, (*parser).limitPressure},
	{LimitMemoryPressure, (*parser).limitPressure},
	{LimitMemory, (*parser).limitMemory},
	{LimitDisk, (*parser).limitDisk},
	{LimitGateway, (*parser).limitGateway},
	{LimitLink, (*parser).limitLink},
}

func limitKeys() []string {
	keys := []string{"for", "nodes"}
	for _, r := range limitReaders {
		keys = append(keys, string(r.kind))
	}
	return keys
}

func (p *parser) limit(l line) {
	if !p.take(l, limitForm, 0, -1, limitKeys()...) {
		return
	}
	strange := slices.DeleteFunc(slices.Clone(l.words[1:]), func(word string) bool { _, known := p.cfg.NodeByName(word); return known })
	if probably := hint(l, strange, limitKeys()); len(strange) > 0 && probably != "" {
		p.add(l.number, "limit: a word is no node%s; the form is: %s", probably, limitForm)
		return
	}
	base := Limit{For: DefaultLimitFor, Nodes: p.limitNodes(l), Line: l.number}
	if v, ok := l.value("for"); ok {
		base.For = p.duration(l, "for", v, time.Second, time.Hour)
	}
	found := false
	for _, r := range limitReaders {
		v, ok := l.value(string(r.kind))
		if !ok {
			continue
		}
		found = true
		limit := base
		limit.Kind = r.kind
		r.read(p, l, v, &limit)
		p.addLimit(limit)
	}
	if !found {
		p.add(l.number, "limit names nothing that is limited; the form is: %s", limitForm)
	}
}

// limitNodes are those that the line names, all where it names none.
func (p *parser) limitNodes(l line) []wire.Node {
	names := slices.Clone(l.words[1:])
	if v, ok := l.value("nodes"); ok {
		if len(names) > 0 {
			p.add(l.number, "limit: nodes= and %s: name the nodes once", names[0])
		}
		names = strings.Split(v, ",")
	}
	var set wire.Nodes
	for _, name := range names {
		n := p.nodeNumber(l, name)
		if n != 0 && set.Has(n) {
			p.add(l.number, "limit names node %s twice", name)
		}
		set = set.With(n)
	}
	var list []wire.Node
	for _, n := range p.cfg.Nodes {
		if len(names) == 0 || set.Has(n.Number) {
			list = append(list, n.Number)
		}
	}
	return list
}

// addLimit keeps a limit, unless another line says the same of one of its nodes.
func (p *parser) addLimit(limit Limit) {
	for _, o := range p.cfg.Limits {
		if o.Name() == limit.Name() && slices.ContainsFunc(limit.Nodes, o.About) {
			p.add(limit.Line, "limit %s stands on line %d already", limit.Name(), o.Line)
		}
	}
	if len(p.cfg.Limits) == MaxLimits {
		p.add(limit.Line, "more than %d limits", MaxLimits)
	}
	p.cfg.Limits = append(p.cfg.Limits, limit)
}
