package lab

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/cluster"
	"locum/console"
)

// TestTheCommandsOfARunningPair asks and changes one cluster after the other, as an operator would, from the node that
// leads and from the one that does not. Each case leaves the service on alpha and all as it was.
func TestTheCommandsOfARunningPair(t *testing.T) {
	all := newPair(t, withFence, "", theService)
	for _, c := range []struct {
		name string
		do   func(*pair)
	}{
		{"status says in a table where all is", statusTable},
		{"status for programs has its documented shape", statusShape},
		{"paths says how each is", pathsOfAPair},
		{"a wrong name is refused with those that exist", wrongNames},
		{"what cannot be done is refused with the reason", refusals},
		{"events go on while they are followed", followEvents},
		{"a move shows its progress and ends when it is so", moves},
		{"a move that is not waited for is acknowledged", moveWithoutWaiting},
		{"stop, start and restart do so", stopsAndStarts},
		{"standby hands over and online takes back", standbyAndOnline},
		{"in maintenance nothing is started, and a wait for it ends as unknown", maintenance},
		{"clear takes a service or a node", clears},
		{"a fence is tested by asking", fenceTest},
		{"a fence switches only after a confirmation", fencesOnlyWhatIsConfirmed},
		{"a fence is tested by really switching", fencePowerTest},
		{"a fence command switches off", fences},
		{"commands while the engine hangs", engineHangs},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &pair{World: all.World, t: t, alpha: all.alpha, beta: all.beta, client: all.client, locums: all.locums} // fails here
			p.alpha.OnBoot, p.beta.OnBoot = p.serve, p.serve
			c.do(p)
			p.whole()
			p.owned("alpha")
		})
	}
	must(t, all.Power.Err())
}

// wants runs a command and wants its exit status and each of these words in what it says.
func (p *pair) wants(n *Node, code int, words []string, command ...string) string {
	p.t.Helper()
	out, got := p.locum(n, command...)
	if got != code {
		p.t.Errorf("locum %s on %s: exit status %d, want %d:\n%s", strings.Join(command, " "), n.Name, got, code, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			p.t.Errorf("locum %s on %s does not say %q:\n%s", strings.Join(command, " "), n.Name, w, out)
		}
	}
	return out
}

func statusTable(p *pair) {
	for _, n := range p.Nodes {
		p.wants(n, 0, []string{"cluster lab, seen from " + n.Name + ": quorate (2 of 2 votes", "led by alpha; lease held"}, "status")
		for _, row := range []string{`(?m)^NODE +STATE +LOAD +MEMORY FREE +WHY$`, `(?m)^alpha +member +\d+\.\d\d +\S+[MG] *$`, `(?m)^beta +member +\d+\.\d\d +\S+[MG] *$`, `(?m)^SERVICE +STATE +NODE +WHY$`, `(?m)^web +running +alpha +\S`} {
			p.eventually(n.Name+" shows a line "+row, func() bool { // one that does not lead is told of the services soon after
				out, _ := p.locum(n, "status")
				return regexp.MustCompile(row).MatchString(out)
			})
		}
	}
}

// shapes are the keys of each object, by the path to it; [] is an element of a list.
type shapes map[string][]string

// shapeOf collects the keys of all objects in the first document of a text, and fails for what no program should have to expect.
func shapeOf(t testing.TB, text string) shapes {
	t.Helper()
	var doc any
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&doc); err != nil { // what follows is of standard error
		t.Fatalf("%v in\n%s", err, text)
	}
	all, snake := shapes{}, regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case nil:
			t.Errorf("%s is null", path)
		case []any:
			for _, e := range v {
				walk(path+"[]", e)
			}
		case map[string]any:
			for key, e := range v {
				if path != ".names" && !snake.MatchString(key) {
					t.Errorf("%s: the key %q is not in snake_case", path, key)
				}
				if n, ok := e.(float64); ok && strings.HasSuffix(key, "_ms") && n != float64(int64(n)) {
					t.Errorf("%s.%s is %v, no integer", path, key, n)
				}
				if !slices.Contains(all[path], key) {
					all[path] = append(all[path], key)
				}
				walk(path+"."+key, e)
			}
			slices.Sort(all[path])
		}
	}
	walk("", doc)
	return all
}

// documented is the shape of "status --json" as locum(8) has it.
var documented = shapes{
	"":                        {"heart", "status", "version"},
	".heart":                  {"engine_up", "incarnation", "late_us", "lease", "lease_left_ms", "node", "peers", "window_ms", "worst_late_us"},
	".heart.peers[]":          {"engine_up", "leaving", "name", "number", "silent_ms", "state"},
	".status":                 {"cluster", "epoch", "intent_count", "intent_epoch", "leader", "lease", "maintenance", "node", "nodes", "quorate", "quorum_why", "self_fencing", "services", "version", "waits", "warnings"},
	".status.nodes[]":         {"engine_up", "health", "name", "number", "silent_ms", "standby", "state", "why"},
	".status.nodes[].health":  {"load", "memory_available", "past"},
	".status.services[]":      {"group", "maintenance", "node", "on", "service", "state", "stopped", "why"},
	".status.services[].on[]": {"detail", "node", "state"},
}

func statusShape(p *pair) {
	for _, n := range p.Nodes {
		p.eventually(n.Name+" knows how both are", func() bool {
			return !slices.ContainsFunc(p.status(n).Nodes, func(x cluster.NodeStatus) bool { return x.Health == nil })
		})
		out := p.wants(n, 0, nil, "status", "--json")
		got := shapeOf(p.t, out)
		got[".heart"] = slices.DeleteFunc(got[".heart"], func(key string) bool { return key == "refused" || key == "config_drift" }) // only if there are
		for path, keys := range documented {
			if !slices.Equal(got[path], keys) {
				p.t.Errorf("%s on %s has the keys\n%q, documented are\n%q", path, n.Name, got[path], keys)
			}
			delete(got, path)
		}
		if len(got) > 0 {
			p.t.Errorf("not documented: %v", got)
		}
		var r console.Reply
		must(p.t, json.Unmarshal([]byte(out), &r))
		if r.Version != 1 || r.Status.Version != 1 {
			p.t.Errorf("versions %d and %d", r.Version, r.Status.Version)
		}
	}
}

func pathsOfAPair(p *pair) {
	out := p.wants(p.alpha, 0, nil, "paths")
	if !regexp.MustCompile(`(?m)^lan +udp +beta +up +\d+\.\d % +\S+ +\S`).MatchString(out) {
		p.t.Errorf("no line of lan to beta:\n%s", out)
	}
	got := shapeOf(p.t, p.wants(p.beta, 0, nil, "paths", "--json"))
	if want := []string{"names", "paths", "version"}; !slices.Equal(got[""], want) {
		p.t.Errorf("keys %q, want %q", got[""], want)
	}
	keys := slices.DeleteFunc(got[".paths[]"], func(key string) bool { return key == "drops" }) // only if there are
	if want := []string{"loss_percent", "path", "peer", "peer_hears", "rtt_us", "silent_ms", "type", "up"}; !slices.Equal(keys, want) {
		p.t.Errorf("keys %q, want %q", keys, want)
	}
	must(p.t, p.OneWay("alpha", "beta"))
	p.eventually("alpha says that beta does not hear it", func() bool {
		out, _ := p.locum(p.alpha, "paths")
		return strings.Contains(out, "one way: we hear it, it does not hear us") || !p.beta.On()
	})
	must(p.t, p.Heal())
	if !p.beta.On() {
		must(p.t, p.beta.Boot())
		must(p.t, p.serve(p.beta))
	}
}

func wrongNames(p *pair) {
	for _, n := range p.Nodes {
		for _, verb := range []string{"move", "start", "stop", "restart"} {
			p.wants(n, console.ExitUsage, []string{`no service "wbe" in the file, which has web; did you mean "web"?`}, verb, "wbe")
		}
		p.wants(n, console.ExitUsage, []string{`no node "bta" in the file, which has alpha, beta; did you mean "beta"?`}, "move", "web", "bta")
		p.wants(n, console.ExitUsage, []string{`no node "gamma" in the file, which has alpha, beta`}, "standby", "gamma")
		p.wants(n, console.ExitUsage, []string{`no node "web" in the file, which has alpha, beta`}, "online", "web")
		p.wants(n, console.ExitUsage, []string{`no service "mail"`, "which has web"}, "maintenance", "on", "mail")
		p.wants(n, console.ExitUsage, []string{`no service or node "mail"`, "which has web, alpha, beta"}, "clear", "mail")
		for _, how := range [][]string{{"-y"}, {"--confirm", "-y"}, {"--test"}, {"--test=power", "-y"}} {
			p.wants(n, console.ExitUsage, []string{`no node "gamma" in the file, which has alpha, beta`}, append([]string{"fence", "gamma"}, how...)...)
		}
	}
	if st := p.status(p.alpha); st.Maintenance || st.Nodes[1].Standby {
		p.t.Errorf("a refused command changed something: %+v", st)
	}
}

func refusals(p *pair) {
	for _, n := range p.Nodes {
		for _, other := range p.Nodes {
			if out, code := p.locum(n, "fence", other.Name, "--confirm", "-y"); code == 0 || !strings.Contains(out, "not off") {
				p.t.Errorf("%s is on, and %s takes the word that it is off: %s", other.Name, n.Name, out)
			}
		}
	}
	p.command(p.beta, "standby", "beta")
	p.wants(p.alpha, console.ExitFailed, []string{"beta cannot run web now", "stands by"}, "move", "web", "beta")
	p.wants(p.beta, console.ExitFailed, []string{"no other node can run web now"}, "move", "web")
	p.command(p.alpha, "online", "beta")
	p.command(p.alpha, "stop", "web")
	p.wants(p.beta, console.ExitFailed, []string{"web is stopped by an operator: locum start web"}, "move", "web", "beta")
	p.wants(p.beta, console.ExitFailed, []string{"web is stopped by an operator: locum start web"}, "restart", "web")
	p.command(p.beta, "start", "web")
}

// followEvents follows at the leader, whose history has the operators' words.
func followEvents(p *pair) {
	follower, err := p.alpha.Start(nil, "locum", "events", "-f")
	must(p.t, err)
	programs, err := p.alpha.Start(nil, "locum", "events", "--follow", "--json")
	must(p.t, err)
	p.command(p.beta, "maintenance", "on", "web")
	p.command(p.beta, "maintenance", "off", "web")
	p.eventually("the followers have read of it", func() bool {
		return strings.Contains(follower.Output(), "maintenance of web is off, by ") && strings.Contains(programs.Output(), "maintenance of web is off, by ")
	})
	p.wants(p.alpha, 0, []string{"maintenance of web is off"}, "events")
	seq := uint64(0)
	for _, line := range strings.Split(strings.TrimSpace(p.wants(p.alpha, 0, nil, "events", "--json")), "\n") {
		shapeOf(p.t, line)
		var e console.Event
		must(p.t, json.Unmarshal([]byte(line), &e))
		if e.Version != 1 || e.Seq <= seq || e.Time.Location() != time.UTC || e.Kind == "" || e.Level == "" || e.Text == "" {
			p.t.Errorf("after %d: %s", seq, line)
		}
		seq = e.Seq
	}
	for _, f := range []*Process{follower, programs} {
		must(p.t, f.Signal(syscall.SIGINT))
		must(p.t, f.Wait(p.context()))
	}
	orphan, err := p.beta.Start(nil, "locum", "events", "-f")
	must(p.t, err)
	p.eventually("it has begun", func() bool { return orphan.Output() != "" })
	p.leave(p.beta)
	if err := orphan.Wait(p.context()); fmt.Sprint(err) != "exit status 3" {
		p.t.Errorf("events -f whose locum ends: %v, want exit status 3", err)
	}
	must(p.t, p.serve(p.beta))
}

func moves(p *pair) {
	for _, c := range []struct {
		from    *Node
		command []string
		to      string
	}{
		{p.alpha, []string{"move", "web", "beta"}, "beta"}, {p.alpha, []string{"move", "web"}, "alpha"},
		{p.beta, []string{"move", "web"}, "beta"}, {p.beta, []string{"move", "web", "alpha"}, "alpha"}, {p.beta, []string{"move", "web", "alpha"}, "alpha"},
	} {
		p.wants(c.from, 0, []string{"web is moved to " + c.to}, c.command...)
		done := Now() // what the kernel tells the observer may still be on its way: its stamp counts
		p.eventually(c.to+" holds the address", func() bool { who, _ := p.Observer.Holder(vip); return who == c.to })
		if _, since := p.Observer.Holder(vip); since > done {
			p.t.Errorf("%v is done and %s holds the address only since %s after that", c.command, c.to, Between(done, since))
		}
	}
	p.command(p.alpha, "clear", "web")
}

func moveWithoutWaiting(p *pair) {
	out := p.wants(p.alpha, 0, []string{"web is moved to beta"}, "move", "web", "beta", "--no-wait")
	if strings.Count(out, "\n") != 1 {
		p.t.Errorf("it shows more than the acknowledgement:\n%s", out)
	}
	p.owned("beta")
	p.command(p.alpha, "move", "web", "alpha")
	p.command(p.alpha, "clear", "web")
}

func stopsAndStarts(p *pair) {
	for _, n := range p.Nodes {
		first := p.web(p.alpha)
		p.wants(n, 0, []string{"web is restarted"}, "restart", "web")
		p.owned("alpha")
		second := p.web(p.alpha)
		if second == first {
			p.t.Errorf("restart on %s left the process as it was", n.Name)
		}
		p.wants(n, 0, []string{"web is to be stopped"}, "stop", "web")
		if who, _ := p.Observer.Holder(vip); who != "" {
			p.t.Errorf("stop on %s is done and %s holds the address", n.Name, who)
		}
		p.eventually(n.Name+" says why web does not run", func() bool {
			out, _ := p.locum(n, "status")
			return strings.Contains(out, "stopped by an operator")
		})
		p.wants(n, 0, nil, "stop", "web") // a second time does no harm
		p.wants(n, 0, []string{"web is to run"}, "start", "web")
		if who, _ := p.Observer.Holder(vip); who != "alpha" {
			p.t.Errorf("start on %s is done and %q holds the address", n.Name, who)
		}
		third := p.web(p.alpha)
		p.wants(n, 0, nil, "start", "web")
		if p.web(p.alpha) != third {
			p.t.Errorf("a second start on %s touched the service", n.Name)
		}
	}
}

func standbyAndOnline(p *pair) {
	p.wants(p.beta, 0, []string{"alpha stands by: its services go elsewhere"}, "standby", "alpha")
	p.owned("beta")
	p.wants(p.alpha, 0, []string{"member, standby"}, "status")
	p.wants(p.alpha, 0, []string{"alpha may run services"}, "online", "alpha")
	p.owned("beta") // failback=no
	p.command(p.alpha, "move", "web", "alpha")
	p.command(p.alpha, "clear", "web")
}

func maintenance(p *pair) {
	p.wants(p.alpha, 0, []string{"maintenance is on"}, "maintenance", "on")
	p.wants(p.beta, 0, []string{"MAINTENANCE"}, "status")
	p.kill(p.web(p.alpha), syscall.SIGKILL)
	begun := time.Now()
	p.wants(p.beta, console.ExitFailed, []string{"unknown: it is acknowledged and not so yet", "web"}, "move", "web", "beta", "--timeout", "1s")
	if took := time.Since(begun); took < time.Second || took > longWait/2 {
		p.t.Errorf("a time-out of 1s took %s", took)
	}
	all, err := p.alpha.Processes()
	must(p.t, err)
	for _, r := range all {
		if slices.Contains(r.Args, "echo") {
			p.t.Errorf("in maintenance it was started: %v", r)
		}
	}
	p.command(p.alpha, "clear", "web")
	p.wants(p.alpha, 0, []string{"maintenance is off"}, "maintenance", "off")
	p.command(p.alpha, "move", "web", "alpha")
	p.answeredBy("alpha")
	p.command(p.alpha, "clear", "web")
}

func clears(p *pair) {
	p.wants(p.beta, 0, []string{"web: its failures and moves are forgotten"}, "clear", "web")
	p.wants(p.beta, 0, []string{"beta: failures are forgotten"}, "clear", "beta")
}

func fenceTest(p *pair) {
	before := len(p.Power.Log())
	out := p.wants(p.alpha, 0, []string{"plug"}, "fence", "beta", "--test")
	if !regexp.MustCompile(`(?m)^beta +plug +1 +on +\d+ ms +-$`).MatchString(out) {
		p.t.Errorf("no line of the plug:\n%s", out)
	}
	for _, a := range p.Power.Log()[before:] {
		if a.Verb != "status" {
			p.t.Errorf("a test that asks switched: %+v", a)
		}
	}
	p.Power.Behave("beta", Failing, 0)
	p.wants(p.alpha, console.ExitFailed, []string{"plug does not answer as it should"}, "fence", "beta", "--test")
	p.Power.Behave("beta", Obedient, 0)
}

func fencesOnlyWhatIsConfirmed(p *pair) {
	boots, before := []string{p.alpha.BootID(), p.beta.BootID()}, len(p.Power.Log())
	p.wants(p.alpha, console.ExitFailed, []string{"This really switches beta off and on again", "nothing was done: beta was not typed"}, "fence", "beta", "--test=power")
	p.wants(p.alpha, console.ExitFailed, []string{"This switches beta off, whatever runs on it", "nothing was done: beta was not typed"}, "fence", "beta")
	p.wants(p.alpha, console.ExitFailed, []string{"its services will run twice and destroy data", "nothing was done"}, "fence", "beta", "--confirm")
	p.shell(p.alpha, "echo alpha | locum fence beta --test=power; test $? = 1")
	p.shell(p.alpha, "echo no | locum fence beta; test $? = 1")
	p.wants(p.beta, console.ExitUsage, []string{"cannot test its own power"}, "fence", "beta", "--test=power", "-y")
	if now := []string{p.alpha.BootID(), p.beta.BootID()}; !slices.Equal(now, boots) || len(p.Power.Log()) != before {
		p.t.Errorf("something was switched without a confirmation: %v", p.Power.Log()[before:])
	}
}

// switched lists what the switch was told since it had that many requests, without the questions.
func (p *pair) switched(node string, since int) (verbs []string) {
	for _, a := range p.Power.Log()[since:] {
		if a.Node == node && a.Verb != "status" {
			verbs = append(verbs, a.Verb)
		}
	}
	return verbs
}

func fencePowerTest(p *pair) {
	boot, before := p.beta.BootID(), len(p.Power.Log())
	p.shell(p.alpha, "echo beta | locum fence beta --test=power")
	if !p.beta.On() || p.beta.BootID() == boot {
		p.t.Errorf("beta is on: %v, or was not switched off", p.beta.On())
	}
	p.eventually("beta is a member again", func() bool { st := p.status(p.beta); return st != nil && st.Nodes[1].State == "member" })
	p.whole()
	if verbs := p.switched("beta", before); len(verbs) < 2 || verbs[len(verbs)-1] != "on" || slices.Contains(verbs[:len(verbs)-1], "on") {
		p.t.Errorf("the switch was told %q, want off and then on", verbs)
	}
	p.Power.Behave("beta", Ignoring, 0)
	p.wants(p.alpha, console.ExitFailed, []string{"beta is not confirmed off"}, "fence", "beta", "--test=power", "-y", "--timeout", "15s")
	p.Power.Behave("beta", Obedient, 0)
}

// fences: the node is off when the command is done, and a second time does no harm, now or when the node is back.
func fences(p *pair) {
	p.wants(p.alpha, 0, []string{"beta is off: its power was confirmed off"}, "fence", "beta", "-y")
	if p.beta.On() {
		p.t.Error("the command is done and beta is on")
	}
	p.wants(p.alpha, 0, []string{"beta is off: its power was confirmed off"}, "fence", "beta", "-y")
	must(p.t, p.beta.Boot())
	must(p.t, p.serve(p.beta))
	p.whole()
	boot := p.beta.BootID()
	p.pass(2*beatDead + shootDelay)
	if p.beta.BootID() != boot {
		p.t.Error("beta was shot after it had come back")
	}
}

func engineHangs(p *pair) {
	engine := p.engine(p.alpha)
	p.kill(engine, syscall.SIGSTOP)
	p.wants(p.alpha, console.ExitNotRunning, []string{"node alpha: the heart beats, the engine is down or does not answer", "lease held", "beta  up     up"}, "status")
	got := shapeOf(p.t, p.wants(p.alpha, console.ExitNotRunning, nil, "status", "--json"))
	if !slices.Equal(got[""], []string{"heart", "version"}) || !slices.Equal(got[".heart.peers[]"], documented[".heart.peers[]"]) {
		p.t.Errorf("the shape without an engine: %v", got)
	}
	p.wants(p.alpha, console.ExitFailed, []string{"unknown: no answer in time"}, "stop", "web", "--timeout", "1s", "--no-wait")
	p.kill(engine, syscall.SIGKILL)
	p.whole()
}

// TestACommandWhoseServiceFailsSaysWhy: a service that cannot run on beta ends the wait with the reason, not with a time-out.
func TestACommandWhoseServiceFailsSaysWhy(t *testing.T) {
	long(t)
	p := makePair(t, withFence, "", theService+"resource web script /run/lab/licensed\n")
	good := "#!/bin/sh\ncase $1 in\nstart) touch /run/up;;\nstop) rm -f /run/up;;\nstatus) test -e /run/up || exit 3;;\nesac\n"
	must(t, p.alpha.WriteFile("licensed", []byte(good), 0o755))
	must(t, p.beta.WriteFile("licensed", []byte(strings.Replace(good, "touch /run/up", "echo no license >&2; exit 1", 1)), 0o755))
	for _, n := range p.Nodes {
		must(t, p.serve(n))
	}
	p.owned("alpha")
	p.whole()
	p.wants(p.beta, console.ExitFailed, []string{"web failed on beta: ", "no license", "locum clear web"}, "move", "web", "beta", "--timeout", "1m")
	p.owned("alpha")
	p.command(p.alpha, "stop", "web")
	p.command(p.alpha, "standby", "alpha")
	p.wants(p.alpha, console.ExitFailed, []string{"web is blocked: ", "no license", "locum clear web"}, "start", "web", "--timeout", "1m")
	p.command(p.beta, "online", "alpha")
	p.owned("alpha")
	must(t, p.beta.WriteFile("licensed", []byte(good), 0o755))
	p.command(p.beta, "clear", "web")
	p.command(p.alpha, "move", "web", "beta")
	p.owned("beta")
}
