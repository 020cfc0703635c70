package console

import (
	"strings"
	"testing"

	"locum/cluster"
)

func TestStatusShowsWhatEachNodeHasToDoAndWhichLimitItIsPast(t *testing.T) {
	load, memory := 9.3, int64(300<<20)
	st := &cluster.Status{Nodes: []cluster.NodeStatus{
		{Name: "alpha", State: "member", Health: &cluster.HealthStatus{Load: &load, MemoryAvailable: &memory, Past: []string{"load 9.3, limit 8, for 30s"},
			Unknown: []string{"disk=/srv:1G for=30s: no answer for 20s"}}},
		{Name: "beta", State: "dead", Why: "silent"},
	}}
	var b strings.Builder
	showNodes(&b, st)
	showUnjudged(&b, st)
	want := `
NODE   STATE   LOAD  MEMORY FREE  WHY
alpha  member  9.30  300M         past its limit: load 9.3, limit 8, for 30s
beta   dead    -     -            silent
warning: alpha cannot judge the limit disk=/srv:1G for=30s: no answer for 20s
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	showNodes(&b, &cluster.Status{Nodes: []cluster.NodeStatus{{Name: "alpha", State: "member"}}})
	if strings.Contains(b.String(), "LOAD") {
		t.Errorf("columns of nothing:\n%s", b.String())
	}
}
