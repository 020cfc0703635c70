package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// A parallel service is as many services as it may have instances: web:1, web:2, …, each run once, on a node of its own. What keeps
// two owners of a service apart keeps two owners of an instance apart, and its address goes where it goes.

// mostServices bounds how many services a file may come to, all instances counted.
const mostServices = 1000

// serviceLine is a service line before its instances are made.
type serviceLine struct {
	Service
	mentions
}

// resourceLine is a resource line before it is given to the instances of its service.
type resourceLine struct {
	line
	service string
}

// expand makes the instances and gives each its resources.
func (p *parser) expand() {
	total := 0
	for _, s := range p.services {
		total += s.Most
	}
	if total > mostServices {
		p.add(0, "%d services, all instances counted; at most %d", total, mostServices)
		return
	}
	given := make([]bool, len(p.resources))
	for _, s := range p.services {
		for i := 1; i <= s.Most; i++ {
			one := s.Service
			one.Group, one.Instance = s.Name, i
			if s.Parallel {
				one.Name = instanceName(s.Name, i)
			}
			p.giveResources(&one, given)
			p.cfg.Services = append(p.cfg.Services, one)
		}
	}
	for i, r := range p.resources {
		switch {
		case given[i]:
		case p.says("service", r.service): // which is wrong, and said to be
			p.readResource(p.instanceLine(r.line, Service{Instance: 1}), r.service)
		case resourceTypes[r.service].args != nil:
			p.add(r.number, "resource %s: the name of its service is missing; the form is: resource SERVICE %s …", r.service, r.service)
		default:
			p.fold(r.number, "service "+r.service, "resource of service %q, which has no service line; %s", r.service, meant(r.service, p.serviceNames()))
		}
	}
}

func instanceName(group string, i int) string { return fmt.Sprintf("%s:%d", group, i) }

func (p *parser) serviceNames() []string {
	var names []string
	for _, s := range p.services {
		names = append(names, s.Name)
	}
	return names
}

// giveResources hands a service its resource lines, in file order. What is wrong with a line of a parallel service is said once.
func (p *parser) giveResources(s *Service, given []bool) {
	for i, r := range p.resources {
		if r.service != s.Group {
			continue
		}
		given[i] = true
		before := len(p.Errors)
		l := r.line
		if s.Parallel {
			l = p.instanceLine(r.line, *s)
		} else if slices.ContainsFunc(l.words, func(w string) bool { return strings.Contains(w, "%i") }) {
			p.warn(l.number, "%%i stands for the number of an instance, and service %s has no instances=", s.Group)
		}
		if s.Instance > 1 && p.badLine[l.number] {
			continue
		}
		if one, ok := p.readResource(l, s.Name); ok {
			s.Resources = append(s.Resources, one)
		}
		if len(p.Errors) > before {
			p.badLine[l.number] = true
		}
	}
	if len(s.Resources) == 0 && s.Instance == 1 && !p.says("resource", s.Group) && !p.hasStrangers() {
		p.add(s.Line, "service %s has no resource; write: resource %s TYPE …", s.Group, s.Group)
	}
	for _, r := range s.Resources {
		if s.Stateless && s.Instance == 1 && slices.Contains(ownsData, r.Type) {
			p.add(s.Line, "service %s says stateless=yes and has a %s, which a second owner would destroy", s.Group, r.Type)
		}
	}
}

// instanceLine is a resource line as one instance has it: %i is its number, %% a percent sign, and of a pool of addresses it has the
// one at its place.
func (p *parser) instanceLine(l line, s Service) line {
	replace := strings.NewReplacer("%%", "%", "%i", fmt.Sprint(s.Instance)).Replace
	one := line{number: l.number, words: slices.Clone(l.words), keys: slices.Clone(l.keys)}
	for i := 3; i < len(one.words); i++ {
		one.words[i] = replace(one.words[i])
	}
	for i := range one.keys {
		one.keys[i].value = replace(one.keys[i].value)
	}
	if len(one.words) > 3 && one.words[2] == "vip" {
		one.words[3] = p.fromPool(one, s)
	}
	return one
}

// fromPool takes an instance's address from "192.0.2.101-192.0.2.104/24"; any other word is left as it is.
func (p *parser) fromPool(l line, s Service) string {
	pool, bits, _ := strings.Cut(l.words[3], "/")
	from, to, isPool := strings.Cut(pool, "-")
	if !isPool {
		return l.words[3]
	}
	first, errA := netip.ParseAddr(from)
	last, errB := netip.ParseAddr(to)
	if errA != nil || errB != nil || first.BitLen() != last.BitLen() || last.Less(first) {
		return l.words[3] // the check of the word says what is wrong with it
	}
	at := first
	for range s.Instance - 1 {
		at = at.Next()
	}
	if !at.IsValid() || last.Less(at) {
		if !p.badLine[l.number] {
			p.add(l.number, "the pool %s has fewer addresses than %s may have instances (%d)", pool, s.Group, s.Most)
		}
		p.badLine[l.number] = true
	}
	return at.String() + "/" + bits
}

// hasStrangers reports whether a resource line names a service that there is not: any of the services may be meant.
func (p *parser) hasStrangers() bool {
	return slices.ContainsFunc(p.resources, func(r resourceLine) bool { return !p.says("service", r.service) })
}
