package plan

import "locum/config"

// Of is what a file alone says: all nodes are well, every service could run on each of its nodes, and none runs yet.
func Of(cfg *config.Config) Input {
	in := Input{Units: cfg.Units()}
	for _, n := range cfg.Nodes {
		in.Nodes = append(in.Nodes, Node{Number: n.Number, Name: n.Name, Capacity: amountsOf(in.Units, n.Capacity, -1)})
	}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		w := Service{Name: s.Name, Nodes: s.Nodes, Spread: s.Spread, Priority: s.Priority, With: s.With, Apart: s.Apart, Weight: amountsOf(in.Units, s.Weight, 0),
			Extra: s.Instance > s.Least}
		for _, n := range s.Nodes {
			w.Able = w.Able.With(n)
		}
		in.Services = append(in.Services, w)
	}
	return in
}

// amountsOf is the amount of each unit; missing where the list does not name it.
func amountsOf(units []string, list []config.Measure, missing config.Amount) []config.Amount {
	amounts := make([]config.Amount, len(units))
	for u, unit := range units {
		amount, named := config.AmountOf(list, unit)
		if amounts[u] = amount; !named {
			amounts[u] = missing
		}
	}
	return amounts
}
