package config

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults of services, resources and fences.
const (
	DefaultRestarts      = 3
	DefaultRestartsTime  = 10 * time.Minute
	DefaultStartDeadline = time.Minute
	DefaultFenceTimeout  = 20 * time.Second
)

func (p *parser) service(l line) {
	if !p.take(l, "service NAME nodes=A,B [place=order|spread] [failback=no] [instances=2..4] [weight=cpu:2] [after=B] [with=B] [apart=B] [priority=0] [restarts=3/10m] [stateless=no]",
		1, 1, append([]string{"nodes", "restarts", "stateless"}, placingKeys...)...) {
		return
	}
	s := Service{Name: l.words[1], Stateless: p.yes(l, "stateless"), Restarts: Restarts{DefaultRestarts, DefaultRestartsTime}, Line: l.number}
	p.name(l, "service", s.Name)
	for _, o := range p.services {
		if o.Name == s.Name {
			p.add(l.number, "service %q stands twice; it is on line %d already", s.Name, o.Line)
			return
		}
	}
	p.serviceNodes(l, &s)
	named := p.placing(l, &s)
	if v, ok := l.value("restarts"); ok {
		count, within, both := strings.Cut(v, "/")
		if !both {
			p.add(l.number, "restarts=%s: write how often and within what time, for example restarts=3/10m", v)
		} else {
			s.Restarts = Restarts{p.integer(l, "restarts", count, 0, 1000), p.duration(l, "restarts", within, time.Second, 24*time.Hour)}
		}
	}
	p.services = append(p.services, serviceLine{s, named})
}

func (p *parser) serviceNodes(l line, s *Service) {
	v, ok := l.value("nodes")
	if !ok || v == "" {
		p.add(l.number, "service %s has no nodes; add nodes=A,B, the most wanted first", s.Name)
		return
	}
	for name := range strings.SplitSeq(v, ",") {
		n := p.nodeNumber(l, name)
		if slices.Contains(s.Nodes, n) && n != 0 {
			p.add(l.number, "service %s names node %s twice", s.Name, name)
		}
		s.Nodes = append(s.Nodes, n)
	}
}

func (p *parser) resource(l line) {
	if len(l.words) < 3 {
		p.add(l.number, "resource: the form is: resource SERVICE TYPE …; types: %s", strings.Join(ResourceTypes(), ", "))
		return
	}
	p.resources = append(p.resources, resourceLine{l, l.words[1]})
}

// readResource reads the line of a resource as one service has it.
func (p *parser) readResource(l line, service string) (Resource, bool) {
	r := Resource{Service: service, Type: l.words[2], Args: l.words[3:], Keys: map[string]string{},
		Start: DefaultStartDeadline, Stop: DefaultStartDeadline, Line: l.number}
	sp, ok := resourceTypes[r.Type]
	if !ok {
		p.add(l.number, "resource type %q does not exist; %s", r.Type, meant(r.Type, ResourceTypes()))
		return r, false
	}
	p.checkSpec(l, "resource "+r.Type, sp, r.Args, []string{"start", "stop"})
	if len(sp.args) > 0 && sp.args[0] == kindFile && len(r.Args) > 0 && strings.Contains(r.Args[0], " ") {
		p.warn(l.number, "resource %s: %q is the name of one file, with a blank in it; a command's words stand by themselves, without quotes: %s %s", r.Type, r.Args[0], r.Type, r.Args[0])
	}
	for _, kv := range l.keys {
		switch kv.key {
		case "start":
			r.Start = p.duration(l, "start", kv.value, 100*time.Millisecond, time.Hour)
		case "stop":
			r.Stop = p.duration(l, "stop", kv.value, 100*time.Millisecond, time.Hour)
		default:
			r.Keys[kv.key] = kv.value
		}
	}
	return r, true
}

// checkSpec holds a line's words and keys against what its type takes.
func (p *parser) checkSpec(l line, what string, sp spec, args []string, common []string) {
	if len(args) < len(sp.args) || len(args) > len(sp.args) && !sp.more {
		most := len(sp.args)
		if sp.more {
			most = -1
		}
		p.add(l.number, "%s: %s%s; the form is: resource SERVICE %s %s", what, wanted(len(args), len(sp.args), most),
			hint(l, args[min(len(sp.args), len(args)):], sortedKeys(sp.keys)), l.words[2], sp.form)
		return
	}
	for i, k := range sp.args {
		if i < len(args) {
			p.checkKind(l, what, args[i], k)
		}
	}
	if !sp.anyKey {
		p.onlyKeys(l, what, append(slices.Clone(common), sortedKeys(sp.keys)...))
	}
	for _, kv := range l.keys {
		if k, ok := sp.keys[kv.key]; ok {
			p.checkKind(l, what+" "+kv.key+"=", kv.value, k)
		}
	}
	for _, key := range sortedKeys(sp.oneOf) {
		if v, ok := l.value(key); ok && !slices.Contains(sp.oneOf[key], v) {
			p.add(l.number, "%s: %s=%s: there are %s", what, key, v, strings.Join(sp.oneOf[key], ", "))
		}
	}
	for _, key := range sp.required {
		if _, ok := l.value(key); !ok && !l.mistyped(key, append(slices.Clone(common), sortedKeys(sp.keys)...)) {
			p.add(l.number, "%s: %s= is missing", what, key)
		}
	}
}

func (p *parser) checkKind(l line, what, word string, k kind) {
	switch k {
	case kindPrefix:
		if _, err := ServiceAddress(word); err != nil {
			p.add(l.number, "%s: %v", what, err)
		}
	case kindURL:
		if u, err := url.Parse(word); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			p.add(l.number, "%s: %q is not an http:// or https:// address%s", what, word, withScheme(word))
		} else if u.User != nil {
			p.add(l.number, "%s: no password stands in this file; use user= and password-file=", what)
		} else if port, err := strconv.Atoi(cmp.Or(u.Port(), "80")); err != nil || port < 1 || port > 65535 {
			p.add(l.number, "%s: %q has a port that cannot be: %s", what, word, u.Port())
		} else if !isHost(u.Hostname()) {
			p.add(l.number, "%s: %q has no host that can be: %q", what, word, u.Hostname())
		}
	case kindUnit:
		p.checkUnit(l, what, word)
	case kindFile:
		p.file0(l, what, word)
	case kindDuration:
		p.duration(l, what, word, 100*time.Millisecond, time.Hour)
	case kindHost, kindNumber, kindOID, kindYes:
		p.checkFenceKind(l, what, word, k)
	case kindInterface:
		if !isInterface(word) {
			p.add(l.number, "%s: %q is not an interface's name, which has 1 to 15 characters, such as eth0; see: ip link", what, word)
		}
	}
}

// unitTypes are how the names of units end (systemd.unit(5)).
var unitTypes = []string{"service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"}

// checkUnit refuses a name that systemd has no unit of, on whatever machine.
func (p *parser) checkUnit(l line, what, word string) {
	at := strings.LastIndexByte(word, '.')
	switch {
	case at <= 0 || !slices.Contains(unitTypes, word[at+1:]) || strings.ContainsAny(word, "/ "):
		p.add(l.number, "%s: %q is not a unit's name; write for example nginx.service", what, word)
	case word[at-1] == '@':
		p.add(l.number, "%s: %q is a template, which does not run; write one of its instances: %sNAME%s", what, word, word[:at], word[at:])
	}
}
