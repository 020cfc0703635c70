package console

import (
	"strings"
	"testing"

	"locum/cluster"
)

// seen makes a status of one service, in a state on a node, as the nodes report it.
func seen(state, node string, on ...cluster.InstanceStatus) *cluster.Status {
	return &cluster.Status{Services: []cluster.ServiceStatus{{Service: "web", State: state, Node: node, Why: "for a reason", On: on}},
		Nodes: []cluster.NodeStatus{{Name: "alpha"}, {Name: "beta"}}}
}

// instances is a parallel service of which one instance runs and one is in a state.
func instances(state string, extra bool) *cluster.Status {
	return &cluster.Status{Services: []cluster.ServiceStatus{{Service: "web:1", Group: "web", State: "running", Node: "alpha"},
		{Service: "web:2", Group: "web", State: state, Why: "for a reason", Extra: extra}}}
}

// maintained is a status in which the service is in maintenance.
func maintained(st *cluster.Status) *cluster.Status {
	st.Services[0].Maintenance = true
	return st
}

// waiting is a status in which the service waits for something that a command ends.
func waiting(command string) *cluster.Status {
	st := seen("blocked", "")
	st.Waits = []cluster.Wait{{What: "service web", For: "it failed too often", Command: command}}
	return st
}

// member makes both nodes members.
func member(st *cluster.Status) *cluster.Status {
	for i := range st.Nodes {
		st.Nodes[i].State = "member"
	}
	return st
}

func TestACommandIsDoneWhenWhatItAskedForIsSo(t *testing.T) {
	onAlpha := seen("running", "alpha")
	for _, tc := range []struct {
		name    string
		command Command
		now     *cluster.Status
		done    bool
		failed  string
	}{
		{"a move that has not begun", Command{Verb: "move", Service: "web", Node: "beta"}, onAlpha, false, ""},
		{"a move that has ended", Command{Verb: "move", Service: "web", Node: "beta"}, seen("running", "beta"), true, ""},
		{"a move that starts", Command{Verb: "move", Service: "web", Node: "beta"}, seen("starting", "beta"), false, ""},
		{"a move to where it is", Command{Verb: "move", Service: "web", Node: "alpha"}, onAlpha, true, ""},
		{"a move to anywhere that has not begun", Command{Verb: "move", Service: "web"}, onAlpha, false, ""},
		{"a move to anywhere that has ended", Command{Verb: "move", Service: "web"}, seen("running", "beta"), true, ""},
		{"a move to where it failed, back where it was", Command{Verb: "move", Service: "web", Node: "beta"},
			seen("running", "alpha", cluster.InstanceStatus{Node: "beta", State: "stopped", Detail: "its start failed: no license"}), false, "web failed on beta: its start failed: no license"},
		{"a start that an operator has to make possible", Command{Verb: "start", Service: "web"}, waiting("locum clear web"), false, "web is blocked: it failed too often"},
		{"a start that waits for a proof", Command{Verb: "start", Service: "web"}, waiting("locum fence beta --confirm"), false, ""},
		{"a stop under way", Command{Verb: "stop", Service: "web"}, seen("stopping", "alpha"), false, ""},
		{"a stop that has ended", Command{Verb: "stop", Service: "web"}, seen("stopped", ""), true, ""},
		{"a stop of what failed", Command{Verb: "stop", Service: "web"}, seen("failed", "alpha"), false, ""},
		{"a start that waits", Command{Verb: "start", Service: "web"}, seen("blocked", ""), false, ""},
		{"a start that has ended", Command{Verb: "start", Service: "web"}, onAlpha, true, ""},
		{"a start of what failed", Command{Verb: "start", Service: "web"}, seen("failed", "alpha"), false, "locum clear web"},
		{"a restart of what failed", Command{Verb: "restart", Service: "web"}, seen("failed", "alpha"), false, "web failed: for a reason"},
		{"standby of a node that still runs it", Command{Verb: "standby", Node: "alpha"},
			seen("running", "alpha", cluster.InstanceStatus{Node: "alpha", State: "running"}), false, ""},
		{"standby of a node that cannot stop it", Command{Verb: "standby", Node: "alpha"},
			seen("failed", "alpha", cluster.InstanceStatus{Node: "alpha", State: "stuck"}), false, ""},
		{"standby of a node that is empty", Command{Verb: "standby", Node: "alpha"},
			seen("running", "beta", cluster.InstanceStatus{Node: "alpha", State: "stopped"}, cluster.InstanceStatus{Node: "beta", State: "running"}), true, ""},
		{"a stop of which a member's word is missing", Command{Verb: "stop", Service: "web"},
			member(seen("stopped", "", cluster.InstanceStatus{Node: "beta", State: "stopped"})), false, ""},
		{"standby of which a member's word is missing", Command{Verb: "standby", Node: "alpha"},
			member(seen("running", "beta", cluster.InstanceStatus{Node: "beta", State: "running"})), false, ""},
		{"a stop of which each member has said", Command{Verb: "stop", Service: "web"}, member(seen("stopped", "",
			cluster.InstanceStatus{Node: "alpha", State: "stopped"}, cluster.InstanceStatus{Node: "beta", State: "stopped"})), true, ""},
		{"a start with no room for an instance that need not run", Command{Verb: "start", Service: "web"}, instances("blocked", true), true, ""},
		{"a start with no room for an instance that is needed", Command{Verb: "start", Service: "web"}, instances("blocked", false), false, ""},
		{"a start of an instance that need not run, where there is room", Command{Verb: "start", Service: "web"}, instances("starting", true), false, ""},
		{"a start of that instance by its own name", Command{Verb: "start", Service: "web:2"}, instances("blocked", true), false, ""},
		{"a stop with an instance that is not stopped", Command{Verb: "stop", Service: "web"}, instances("blocked", true), false, ""},
		{"a restart in maintenance", Command{Verb: "restart", Service: "web"}, maintained(seen("running", "alpha")), false, ""},
		{"a start in maintenance of what runs", Command{Verb: "start", Service: "web"}, maintained(seen("running", "alpha")), true, ""},
		{"maintenance, which is so when it is acknowledged", Command{Verb: "maintenance", On: true}, onAlpha, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := settled(tc.command, onAlpha, tc.now)
			if got.done != tc.done || (got.failed == "") != (tc.failed == "") || !strings.Contains(got.failed, tc.failed) {
				t.Errorf("%+v, want done %v, failed %q", got, tc.done, tc.failed)
			}
			if !got.done && !strings.HasPrefix(got.progress, "web") {
				t.Errorf("the progress does not say what it waits for: %q", got.progress)
			}
		})
	}
}

func TestAWrongNameIsRefusedWithTheNearestAndAllThatExist(t *testing.T) {
	st := seen("running", "alpha")
	for _, tc := range []struct {
		name    string
		command Command
		want    string
	}{
		{"a service that exists", Command{Service: "web"}, ""},
		{"a node that exists", Command{Node: "beta"}, ""},
		{"swapped letters", Command{Service: "wbe"}, `no service "wbe" in the file, which has web; did you mean "web"?`},
		{"nothing near", Command{Service: "database"}, `no service "database" in the file, which has web`},
		{"a node, one letter short", Command{Service: "web", Node: "bta"}, `no node "bta" in the file, which has alpha, beta; did you mean "beta"?`},
		{"a service in a node's place", Command{Service: "web", Node: "web"}, `no node "web" in the file, which has alpha, beta`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if err := known(tc.command, st); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
	if c, err := ClearOf("beta", st); err != nil || c.Node != "beta" || c.Service != "" {
		t.Errorf("clear of a node: %+v, %v", c, err)
	}
	if _, err := ClearOf("gamma", st); err == nil || !strings.Contains(err.Error(), "which has web, alpha, beta") {
		t.Errorf("clear of nothing: %v", err)
	}
}

func TestTheDistanceOfWords(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"status", "status", 0}, {"staus", "status", 1}, {"mvoe", "move", 1}, {"abc", "cab", 2}, {"start", "stop", 3}} {
		if got, back := distance(tc.a, tc.b), distance(tc.b, tc.a); got != tc.want || back != tc.want {
			t.Errorf("%q and %q: %d and %d, want %d", tc.a, tc.b, got, back, tc.want)
		}
	}
}
