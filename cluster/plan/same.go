package plan

import "slices"

// Same reports whether two inputs are the same, so that the plan is.
func (in Input) Same(o Input) bool {
	return slices.Equal(in.Units, o.Units) && slices.EqualFunc(in.Nodes, o.Nodes, Node.same) && slices.EqualFunc(in.Services, o.Services, Service.same)
}

func (n Node) same(o Node) bool {
	return n.Number == o.Number && n.Name == o.Name && n.Ailing == o.Ailing && slices.Equal(n.Capacity, o.Capacity)
}

func (s Service) same(o Service) bool {
	return s.Able == o.Able && s.At == o.At && s.Due == o.Due && s.Fixed == o.Fixed && s.Asked == o.Asked && s.AskedWhy == o.AskedWhy && s.Back == o.Back &&
		s.Extra == o.Extra && s.Spread == o.Spread && s.Priority == o.Priority && s.Name == o.Name && slices.Equal(s.Nodes, o.Nodes) &&
		slices.Equal(s.Weight, o.Weight) && slices.Equal(s.With, o.With) && slices.Equal(s.Apart, o.Apart)
}
