package cluster

import (
	"fmt"
	"reflect"
	"testing"
)

// What the leader shows of many services on many nodes fits into a message, and arrives as it was.
func TestABoardOfManyServicesCanBeSentAndArrivesWhole(t *testing.T) {
	const nodes, services = 64, 1000
	var members []string
	for n := range nodes {
		members = append(members, fmt.Sprintf("node-%d", n+1))
	}
	b := Board{Epoch: 3, Waits: []Wait{{What: "service customer-7"}}}
	for i := range services {
		s := ServiceStatus{Service: fmt.Sprintf("customer-%d", i), State: "running", Node: members[i%nodes], Why: "it runs there"}
		for n, name := range members {
			in := stoppedOn(name)
			if n == i%nodes {
				in.State = PhaseRunning.String()
			}
			s.On = append(s.On, in)
		}
		b.Services = append(b.Services, s)
	}
	b.Services[0].On[5].Detail = "its stop failed" // which is to be said of a node on which it is stopped now
	body, err := Encode(Message{Board: new(b.brief())})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Board.whole(members); !reflect.DeepEqual(got, b) {
		t.Errorf("arrived: %+v, sent %+v", got.Services[0], b.Services[0])
	}
	if len(b.Services[0].On) != nodes {
		t.Error("the leader's own board has become brief")
	}
}
