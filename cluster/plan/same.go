package plan

import "slices"

// Holds reports whether a plan that was made for an input still is the one to carry out. What comes of carrying it out is no reason to make
// another: services that have left a node and are not on the next one yet would each time be weighed against others that wait for their
// place, and two plans could follow each other without end. Once everything is where the plan has it, any difference counts.
func (in Input) Holds(made Input, choices []Choice) bool {
	if len(choices) != len(in.Services) || !slices.Equal(in.Units, made.Units) || !slices.EqualFunc(in.Nodes, made.Nodes, Node.same) {
		return false
	}
	underWay := false
	for i := range in.Services {
		underWay = underWay || in.Services[i].At != choices[i].Node
	}
	for i := range in.Services {
		now, then := &in.Services[i], &made.Services[i]
		same := now.At == then.At && now.Due == then.Due && now.Extra == then.Extra
		left := now.At == 0 && then.At != choices[i].Node
		if !now.asked(then) || !same && (!underWay || now.At != then.At && now.At != choices[i].Node && !left) {
			return false
		}
	}
	return true
}

func (n Node) same(o Node) bool {
	return n.Number == o.Number && n.Name == o.Name && n.Ailing == o.Ailing && slices.Equal(n.Capacity, o.Capacity)
}

// asked reports whether the same is asked of a service, wherever it is.
func (s *Service) asked(o *Service) bool {
	return s.Able == o.Able && s.Fixed == o.Fixed && s.Asked == o.Asked && s.AskedWhy == o.AskedWhy && s.Back == o.Back &&
		s.Spread == o.Spread && s.Priority == o.Priority && s.Name == o.Name && slices.Equal(s.Nodes, o.Nodes) &&
		slices.Equal(s.Weight, o.Weight) && slices.Equal(s.With, o.With) && slices.Equal(s.Apart, o.Apart)
}
