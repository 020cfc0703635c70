package config

import (
	"slices"
	"strings"

	"locum/wire"
)

// resolve turns the names of after=, with= and apart= into places in Services.
func (p *parser) resolve() {
	for _, s := range p.services {
		for i := range p.cfg.Services {
			if one := &p.cfg.Services[i]; one.Group == s.Name {
				one.After = p.named(s, one, "after", s.after)
				one.With = p.named(s, one, "with", s.with)
				one.Apart = p.named(s, one, "apart", s.apart)
			}
		}
	}
	all := p.cfg.Services
	for i := range all {
		for _, k := range all[i].Apart { // it is meant both ways
			all[k].Apart = append(all[k].Apart, i)
		}
	}
	for i := range all {
		for k := range all {
			if i != k && all[i].Group == all[k].Group {
				all[i].Apart = append(all[i].Apart, k)
			}
		}
		slices.Sort(all[i].Apart)
		all[i].Apart = slices.Compact(all[i].Apart)
	}
	p.checkCircles()
	p.checkTogether()
}

// named finds the services that a word of a service line means. What is meant with a parallel service is: all of its instances, for
// after= and apart=; the instance of the same number, for with=.
func (p *parser) named(s serviceLine, one *Service, key string, names []string) []int {
	var list []int
	for _, name := range names {
		other := slices.IndexFunc(p.services, func(o serviceLine) bool { return o.Name == name })
		tell := one.Instance == 1 // once for all instances
		switch {
		case other < 0:
			if tell && !p.says("service", name) {
				p.add(s.Line, "%s=%s: no service is called that; %s", key, name, meant(name, p.serviceNames()))
			}
			continue
		case name == s.Name:
			if tell {
				p.add(s.Line, "%s=%s: a service cannot be %s itself", key, name, key)
			}
			continue
		case key == "with" && p.services[other].Parallel && (!s.Parallel || s.Most != p.services[other].Most):
			if tell {
				p.add(s.Line, "with=%s: %s has several instances, and only a service with as many can be with it, each with the one of its number", name, name)
			}
			continue
		}
		for k := range p.cfg.Services {
			o := &p.cfg.Services[k]
			if o.Group == name && (key != "with" || !o.Parallel || o.Instance == one.Instance) {
				list = append(list, k)
			}
		}
	}
	return list
}

// checkCircles finds services that wait for one another, or follow one another, in a circle.
func (p *parser) checkCircles() {
	for _, key := range []string{"after", "with"} {
		done := map[string]bool{}
		for _, s := range p.services {
			if way := p.circle(s.Name, key, nil, done); way != nil {
				p.add(p.serviceLine(way[0]), "%s= goes in a circle: %s", key, strings.Join(way, " -> "))
			}
		}
	}
}

// circle follows a key from a service and gives the way if that comes back; what is done is not followed again.
func (p *parser) circle(name, key string, way []string, done map[string]bool) []string {
	if at := slices.Index(way, name); at >= 0 {
		return append(slices.Clone(way[at:]), name)
	}
	if done[name] {
		return nil
	}
	way = append(slices.Clone(way), name)
	for _, s := range p.services {
		if s.Name != name {
			continue
		}
		next := s.after
		if key == "with" {
			next = s.with
		}
		for _, n := range next {
			if n == name {
				continue // named says it
			}
			if found := p.circle(n, key, way, done); found != nil {
				done[name] = true
				return found
			}
		}
	}
	done[name] = true
	return nil
}

func (p *parser) serviceLine(name string) int {
	for _, s := range p.services {
		if s.Name == name {
			return s.Line
		}
	}
	return 0
}

// checkTogether finds services that are to be with others and can never be: apart from them too, or without a node in common; and
// weights that no node can carry.
func (p *parser) checkTogether() {
	for i := range p.cfg.Services {
		s := &p.cfg.Services[i]
		if s.Instance > 1 {
			continue
		}
		together, common := p.together(i), wire.SetOf(s.Nodes...)
		for _, k := range together {
			o := &p.cfg.Services[k]
			common &= wire.SetOf(o.Nodes...)
			for _, x := range together {
				if k < x && slices.Contains(o.Apart, x) {
					p.add(s.Line, "service %s: %s is apart from %s, and with= wants both on one node", s.Group, o.Group, p.cfg.Services[x].Group)
				}
			}
		}
		if len(together) > 1 && common == 0 && len(s.Nodes) > 0 {
			p.add(s.Line, "service %s has no node in common with all that it is with (with=)", s.Group)
		}
		p.checkWeight(s)
	}
}

// together is a service and all that it is with, directly or through others.
func (p *parser) together(i int) []int {
	list := []int{i}
	for at := 0; at < len(list); at++ {
		for _, k := range p.cfg.Services[list[at]].With {
			if !slices.Contains(list, k) {
				list = append(list, k)
			}
		}
	}
	return list
}

// checkWeight finds a service that none of its nodes could carry even if it were alone there, and a unit that nobody limits.
func (p *parser) checkWeight(s *Service) {
	for _, m := range s.Weight {
		fits, named := false, false
		for _, n := range p.cfg.Nodes {
			have, limited := AmountOf(n.Capacity, m.Unit)
			named = named || limited
			if slices.Contains(s.Nodes, n.Number) {
				fits = fits || !limited || m.Amount <= have
			}
		}
		switch {
		case !named && len(p.Errors) > 0: // a wrong node line may say it
		case !named:
			p.warn(s.Line, "weight=%s:%s: no node line says how much %s it has (capacity=%s:…), so that any number of services fits", m.Unit, m.Amount, m.Unit, m.Unit)
		case !fits && len(s.Nodes) > 0:
			p.add(s.Line, "weight=%s:%s: none of the nodes of %s has as much", m.Unit, m.Amount, s.Group)
		}
	}
}
