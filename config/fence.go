package config

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fence reads a "fence" line.
func (p *parser) fence(l line) {
	if n := len(l.words) - 1; n != 2 {
		p.add(l.number, "fence: %s%s; the form is: fence NODE NAME type=… level=1 …; types: %s, or agent=fence_xyz",
			wanted(n, 2, 2), hint(l, l.words[min(3, len(l.words)):], []string{"type", "level", "timeout", "then", "holdup", "agent"}), strings.Join(FenceTypes(), ", "))
		return
	}
	f := Fence{Node: p.nodeNumber(l, l.words[1]), Name: l.words[2], Level: 1, Timeout: DefaultFenceTimeout, Keys: map[string]string{}, Line: l.number}
	p.name(l, "fence", f.Name)
	for _, o := range p.cfg.Fences {
		if o.Node == f.Node && o.Name == f.Name {
			p.add(l.number, "fence %s %s stands twice; it is on line %d already", l.words[1], f.Name, o.Line)
		}
	}
	p.fenceType(l, &f)
	p.cfg.Fences = append(p.cfg.Fences, f)
}

func (p *parser) fenceType(l line, f *Fence) {
	f.Type, _ = l.value("type")
	agent, isAgent := l.value("agent")
	switch {
	case isAgent && f.Type != "":
		p.add(l.number, "fence: type= and agent= together; one of them says what it is")
	case isAgent:
		f.Type, f.Agent = "agent", agent
		if name := agent[strings.LastIndex(agent, "/")+1:]; !strings.HasPrefix(name, "fence_") {
			p.add(l.number, "fence: agent=%s is not the name of a fence agent, fence_…; write for example agent=fence_ipmilan", agent)
		}
	}
	sp, ok := fenceTypes[f.Type]
	if types := slices.DeleteFunc(FenceTypes(), func(t string) bool { return t == "agent" }); f.Type == "" {
		probably := ""
		if i := slices.IndexFunc(l.keys, func(kv pair) bool { return nearest(kv.key, []string{"type"}) != "" }); i >= 0 && l.keys[i].key != "type" {
			probably = "; did you mean type=" + l.keys[i].value + "?"
		}
		p.add(l.number, "fence: type= is missing%s there are: %s; any fence agent is agent=fence_xyz", cmp.Or(probably, ";"), strings.Join(types, ", "))
		return
	} else if strings.HasPrefix(f.Type, "fence_") {
		p.add(l.number, "fence: type=%s is a fence agent; write agent=%s", f.Type, f.Type)
		return
	} else if !ok || f.Type == "agent" && !isAgent {
		p.add(l.number, "fence type %q does not exist; %s; any fence agent is agent=fence_xyz", f.Type,
			meant(f.Type, types))
		return
	}
	for _, kv := range l.keys {
		p.fenceKey(l, f, kv)
	}
	if p.secrets(l) {
		return
	}
	p.checkSpec(l, "fence "+f.Type, sp, nil, []string{"type", "level", "timeout", "then", "holdup"})
	if sp.keys["community-file"] != 0 || sp.keys["auth-file"] != 0 {
		p.checkSNMP(l, f)
	}
}

// checkSNMP: who asks is told by a community, or by a user with a secret.
func (p *parser) checkSNMP(l line, f *Fence) {
	community, user, auth, version := f.Keys["community-file"], f.Keys["user"], f.Keys["auth-file"], f.Keys["version"]
	switch {
	case (community == "") == (user == ""):
		p.add(l.number, "fence %s: write either community-file= (versions 1 and 2c) or user= and auth-file= (version 3)", f.Type)
	case user != "" && auth == "":
		p.add(l.number, "fence %s: auth-file= is missing: no version 3 without authentication", f.Type)
	case version != "" && (version == "3") != (user != ""):
		p.add(l.number, "fence %s: version=%s does not go with %s", f.Type, version, map[bool]string{true: "user=", false: "community-file="}[user != ""])
	}
}

// secrets refuses keys that hold one. That their -file= is missing, or that there is no such key, need not be said as well.
func (p *parser) secrets(l line) (found bool) {
	for _, kv := range l.keys {
		if slices.Contains([]string{"password", "passwd", "community", "secret"}, kv.key) {
			found = true
			p.add(l.number, "fence: no secret stands in this file; put it into a file with mode 0600 and write %s-file=/path", kv.key)
		}
	}
	return found
}

func (p *parser) fenceKey(l line, f *Fence, kv pair) {
	switch kv.key {
	case "type", "agent":
	case "level":
		f.Level = p.integer(l, "level", kv.value, 1, 9)
	case "timeout":
		f.Timeout = p.duration(l, "timeout", kv.value, 100*time.Millisecond, 10*time.Minute)
	case "then":
		if f.ThenOn = kv.value == "on"; !f.ThenOn && kv.value != "off" {
			p.add(l.number, "fence: then=%s: write then=on to have the node switched on again once it is confirmed off, or then=off", kv.value)
		}
	case "holdup":
		f.Holdup, f.holdupSet = p.duration(l, "holdup", kv.value, 0, 10*time.Second), true
	default:
		if f.Type == "agent" && slices.Contains([]string{"action", "nodename"}, kv.key) {
			p.add(l.number, "fence agent: %s= is set by locum itself", kv.key)
		}
		f.Keys[kv.key] = kv.value
	}
}

// checkFenceKind checks the words that only fence lines have.
func (p *parser) checkFenceKind(l line, what, word string, k kind) {
	switch {
	case k == kindHost && !isHost(word):
		p.add(l.number, "%s: %q is not a host; write its address, with a port or without: 192.0.2.50, 192.0.2.50:161, [2001:db8::50]:161", what, word)
	case k == kindNumber:
		p.integer(l, what, word, 0, 1<<31-1)
	case k == kindOID && !isOID(word):
		p.add(l.number, "%s: %q is not an object's number; write for example 1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.1", what, word)
	case k == kindYes && word != "yes" && word != "no":
		p.add(l.number, "%s%s: write yes or no", what, word)
	}
}

// isOneHost reports whether an address can be that of one machine.
func isOneHost(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// isHost takes an address, a name, or one of them with a port. A name does not end in a number: that is an address that cannot be
// (RFC 1123, 2.1).
func isHost(word string) bool {
	if a, err := netip.ParseAddr(word); err == nil {
		return isOneHost(a)
	}
	if a, err := netip.ParseAddrPort(word); err == nil {
		return a.Port() != 0 && isOneHost(a.Addr())
	}
	if host, port, ok := strings.Cut(word, ":"); ok {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
		word = host
	}
	return word != "" && !isNumber(word[strings.LastIndexByte(word, '.')+1:]) && !strings.ContainsFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	})
}

func isOID(word string) bool {
	parts := strings.Split(strings.TrimPrefix(word, "."), ".")
	for _, part := range parts {
		if _, err := strconv.ParseUint(part, 10, 32); err != nil {
			return false
		}
	}
	return len(parts) > 2
}
