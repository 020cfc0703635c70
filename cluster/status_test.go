package cluster_test

import (
	"strings"
	"testing"

	"locum/cluster"
)

func TestTheStatusSaysWhichInstancesNeedNotRun(t *testing.T) {
	cfg := parsed(t, strings.NewReplacer("nodes=alpha,beta", "nodes=alpha,beta instances=1..2", "192.0.2.100/24", "192.0.2.100-192.0.2.101/24").Replace(twoNodes))
	for i, s := range cluster.New(cfg, 1).Status(0).Services {
		if s.Extra != (i == 1) {
			t.Errorf("%s: extra %v", s.Service, s.Extra)
		}
	}
}
