package simulate

import (
	"strings"
	"testing"

	"locum/config"
)

func TestWhatHasANodeWhenOthersAreAway(t *testing.T) {
	file := `cluster t
key /k
node 1 alpha capacity=mem:8G
node 2 beta capacity=mem:8G
node 3 gamma capacity=mem:4G
path udp lan alpha=192.0.2.1 beta=192.0.2.2 gamma=192.0.2.3
service db nodes=alpha,beta weight=mem:6G priority=2
resource db unit db.service
service web nodes=beta,alpha,gamma weight=mem:4G
resource web unit web.service
service www nodes=alpha,beta,gamma instances=1..2 weight=mem:1G
resource www unit www@%i.service
`
	cfg, problems := config.Parse("f", file)
	if cfg == nil {
		t.Fatal(problems)
	}
	var b strings.Builder
	WriteLosses(&b, Losses(cfg))
	want := `
what has a node when others are away:
  with all nodes there every service has one
  after the death of any one node every service has one
  without alpha and beta: the others are fewer than half and run nothing; db (none of its nodes (alpha, beta) can run it now); www:1 (no node has room for it: gamma: mem 1G of 0 free)
  without alpha and gamma: the others are fewer than half and run nothing; web (no node has room for it: beta: mem 4G of 1G free)
  without beta and gamma: the others are fewer than half and run nothing; web (no node has room for it: alpha: mem 4G of 1G free)
`
	if b.String() != want {
		t.Errorf("got %s", b.String())
	}
	full := strings.Replace(file, "capacity=mem:4G", "capacity=mem:3G", 1)
	cfg, _ = config.Parse("f", full)
	b.Reset()
	WriteLosses(&b, Losses(cfg))
	if !strings.Contains(b.String(), "without beta: web (no node has room for it: alpha: mem 4G of 1G free; gamma: mem 4G of 2G free)\n") {
		t.Errorf("got %s", b.String())
	}
}
