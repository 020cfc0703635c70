package simulate

import (
	"flag"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var depth = flag.Int("depth", 2, "how many events each history of the exhaustive check has")

// smallScope is what may happen to two nodes; each event is followed by each of the pauses.
var (
	smallScope = []string{"cut alpha beta", "cut-one-way alpha beta", "heal", "kill alpha", "boot alpha", "kill-engine alpha", "bounce-heart beta",
		"stop-engine alpha", "cont-engine alpha", "pause beta", "resume beta", "switch beta fail", "switch beta ignore", "ask any move web", "leave alpha",
		"manner alpha web/1 stop fail"}
	smallPauses = []string{"run 1ms", "run 700ms", "run 4s"}
)

const smallFile = `cluster t
key /k
beat every=100ms dead=1s
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
tiebreak fence delay=3s
fence alpha pdu type=http url-off=http://192.0.2.9/off url-status=http://192.0.2.9/s timeout=1s
fence beta pdu type=http url-off=http://192.0.2.9/off url-status=http://192.0.2.9/s timeout=1s
service web nodes=alpha,beta
resource web vip 192.0.2.100/24
resource web unit nginx.service start=5s stop=5s
`

// Small things are tried in every order: all histories of so many events, each after each pause, and then all is healed
// and the service has to run, once.
//
//	go test ./simulate -run EveryOrder -depth 3 -v
func TestTwoNodesInEveryOrderOfEvents(t *testing.T) {
	var histories, lines atomic.Int64
	prefixes := make(chan []string)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for p := range prefixes {
				transcript, failures := Script{Config: smallFile, Commands: small(p)}.Play()
				histories.Add(1)
				lines.Add(int64(strings.Count(transcript, "\n")))
				if len(failures) > 0 {
					t.Errorf("%q: %s", p, strings.Join(failures, "; "))
				}
			}
		})
	}
	everyOrder(nil, *depth, prefixes)
	close(prefixes)
	wait.Wait()
	t.Logf("%d histories of %d events each, %d lines of transcripts", histories.Load(), *depth, lines.Load())
}

func everyOrder(prefix []string, left int, out chan<- []string) {
	if left == 0 {
		out <- prefix
		return
	}
	for _, event := range smallScope {
		for _, pause := range smallPauses {
			everyOrder(append(prefix[:len(prefix):len(prefix)], event, pause), left-1, out)
		}
	}
}

func small(events []string) []string {
	commands := append([]string{"boot alpha beta", "run 5s"}, events...)
	commands = append(commands, healed, "heal", "switch alpha ok", "switch beta ok", "manner alpha web/1 stop ok", "resume beta", "cont-engine alpha")
	for range 2 {
		commands = append(commands, "boot alpha beta", "start-heart alpha beta", "run 40s")
	}
	return append(commands, "expect once web")
}
