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

// Of four nodes two are half, which a tie-break alone lets go on: "locum simulate --kill alpha --kill beta" shows the same.
func TestHalfOfTheNodesGoOnByATieBreakOnly(t *testing.T) {
	file := `cluster t
key /k
node 1 alpha
node 2 beta
node 3 gamma
node 4 delta
path udp lan alpha=192.0.2.1 beta=192.0.2.2 gamma=192.0.2.3 delta=192.0.2.4
service web nodes=alpha,beta,gamma,delta
resource web vip 192.0.2.100/24
`
	fences := ""
	for _, n := range []string{"alpha", "beta", "gamma", "delta"} {
		fences += "fence " + n + " pdu type=http url-off=http://192.0.2.250/" + n + "/off url-status=http://192.0.2.250/" + n + " timeout=1s\n"
	}
	for _, tc := range []struct {
		name, more string
		goOn       bool
	}{
		{"nothing breaks the tie", fences, false},
		{"fences break it", fences + "tiebreak fence delay=5s\n", true},
		{"unsafe does for what is stateless only", "tiebreak unsafe\nservice www nodes=alpha,beta,gamma,delta stateless=yes\nresource www vip 192.0.2.101/24\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, problems := config.Parse("f", file+tc.more)
			if cfg == nil {
				t.Fatal(problems)
			}
			var b strings.Builder
			WriteLosses(&b, Losses(cfg))
			if goOn := !strings.Contains(b.String(), "without alpha and beta: the others are exactly half, and no tie-break"); goOn != tc.goOn {
				t.Errorf("got %s", b.String())
			}
			w := New(cfg, 1)
			for _, c := range []string{"boot alpha beta gamma delta", "run 3s", "kill alpha beta", "run 60s"} {
				if err := w.command(strings.Fields(c)); err != nil {
					t.Fatal(err)
				}
			}
			if on := len(w.Owners("web")) > 0; on != tc.goOn {
				t.Errorf("it runs: %v", on)
			}
		})
	}
}

func TestWhatIsAfterAServiceWithoutANodeDoesNotStart(t *testing.T) {
	cfg, problems := config.Parse("f", `cluster t
key /k
node 1 alpha
node 2 beta
node 3 gamma
path udp lan alpha=192.0.2.1 beta=192.0.2.2 gamma=192.0.2.3
service db nodes=alpha
resource db unit db.service
service web nodes=alpha,beta after=db
resource web unit web.service
service www nodes=beta after=web
resource www unit www.service
`)
	if cfg == nil {
		t.Fatal(problems)
	}
	var b strings.Builder
	WriteLosses(&b, Losses(cfg))
	want := "  without alpha: db (none of its nodes (alpha) can run it now); web (it waits for db to run first (after=db))\n" +
		"  without beta: www (none of its nodes (beta) can run it now)\n" // www runs on beta, and goes on where alpha dies
	if !strings.Contains(b.String(), want) {
		t.Errorf("got %s", b.String())
	}
	w := New(cfg, 1)
	for _, c := range []string{"boot alpha beta gamma", "run 3s", "kill alpha", "run 3s", "confirm-if-off beta alpha", "run 60s"} {
		if err := w.command(strings.Fields(c)); err != nil {
			t.Fatal(err)
		}
	}
	if web, www := w.Owners("web"), w.Owners("www"); len(web) != 0 || len(www) != 1 {
		t.Errorf("web runs on %v, www on %v", web, www)
	}
}
