package cluster

import (
	"fmt"
	"strings"
	"testing"

	"locum/config"
	"locum/wire"
)

// TestAViewOfManyThatHaveNotLookedYetCanBeSent: where no node has looked yet at what it runs, none says of any service that it is stopped there. A view
// names that of them all, and is a message of bounded length.
func TestAViewOfManyThatHaveNotLookedYetCanBeSent(t *testing.T) {
	const nodes, services = 64, 500
	var file strings.Builder
	file.WriteString("cluster t\nkey /k\n")
	path := "path udp lan"
	for n := range nodes {
		fmt.Fprintf(&file, "node %d n%d\n", n+1, n+1)
		path += fmt.Sprintf(" n%d=192.0.2.%d", n+1, n+1)
	}
	file.WriteString(path + "\n")
	for s := range services {
		fmt.Fprintf(&file, "service customer-%d nodes=n%d,n%d\nresource customer-%d unit customer-%d.service\n", s, s%nodes+1, (s+1)%nodes+1, s, s)
	}
	cfg, problems := config.Parse("f", file.String())
	if cfg == nil {
		t.Fatal(problems)
	}
	e := New(cfg, 1)
	own := &proposal{members: configured(cfg).Without(nodes)}
	for n := range own.members.All {
		own.promises = append(own.promises, Promise{Life: wire.Life{Node: n}, Services: e.reports()})
	}
	v := View{Strays: e.straysOf(own)}
	b, err := Encode(Message{Install: &Install{View: v}})
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 16<<10 {
		t.Errorf("%d bytes", len(b))
	}
	e.strays = v.Strays
	if last := cfg.Services[services-1].Name; !e.straysOn(1, last) || e.straysOn(nodes, last) {
		t.Error("node 1 has not looked whether it runs that, and of the last node nothing is known")
	}
}
