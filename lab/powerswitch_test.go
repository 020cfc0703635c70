package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ask sends one request to the power switch from a node's network: "200 off", or why there was no answer in time.
func ask(t *testing.T, from *Node, url string, patience time.Duration) string {
	t.Helper()
	space := from.now.space
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = space.do(func() error {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(t, err)
	answer, err := c.Do(r)
	if ctx.Err() != nil {
		return "nothing"
	}
	must(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	must(t, err)
	return fmt.Sprintf("%d %s", answer.StatusCode, strings.TrimSpace(string(body)))
}

func TestThePowerSwitchBehavesAsItIsTold(t *testing.T) {
	const late = 300 * time.Millisecond
	for _, c := range []struct {
		manner           Manner
		off, status      string
		on               bool // whether the node is on after it was told off
		atLeast, waiting time.Duration
	}{
		{manner: Obedient, off: "200 off", status: "200 off"},
		{manner: Failing, off: "500 relay board does not answer", status: "500 relay board does not answer", on: true},
		{manner: Hanging, off: "nothing", status: "nothing", on: true, waiting: 200 * time.Millisecond},
		{manner: Ignoring, off: "200 off", status: "200 on", on: true},
		{manner: Late, off: "200 off", status: "200 off", atLeast: late},
		{manner: Lying, off: "200 off", status: "200 off", on: true},
	} {
		t.Run(c.manner.String(), func(t *testing.T) {
			w := newWorld(t, Options{Nodes: 2})
			alpha, beta := w.Node("alpha"), w.Node("beta")
			w.Power.Behave("alpha", c.manner, late)
			wait := patience
			if c.waiting != 0 {
				wait = c.waiting
			}
			start := Now()
			if got := ask(t, beta, w.Power.URL("alpha", "off"), wait); got != c.off {
				t.Errorf("told off: %q, want %q", got, c.off)
			}
			took := Between(start, Now())
			if took < c.atLeast {
				t.Errorf("it answered after %s", took)
			}
			t.Logf("it took %s", took)
			if got := ask(t, beta, w.Power.URL("alpha", "status"), wait); got != c.status {
				t.Errorf("asked again: %q, want %q", got, c.status)
			}
			if alpha.On() != c.on {
				t.Errorf("on: %t, want %t", alpha.On(), c.on)
			}
			log := w.Power.Log()
			if len(log) != 2 || log[0].Verb != "off" || log[0].From != beta.Addr || log[0].At < start || log[1].Verb != "status" {
				t.Errorf("its log: %v", log)
			}
			must(t, w.Power.Err())
		})
	}
}

func TestThePowerSwitchBootsANode(t *testing.T) {
	w := newWorld(t, Options{Nodes: 2})
	alpha, beta := w.Node("alpha"), w.Node("beta")
	boots := 0
	alpha.OnBoot = func(*Node) error { boots++; return nil }
	first := alpha.BootID()
	for _, verb := range []string{"on", "off", "off", "on"} {
		want := "200 " + verb
		if got := ask(t, beta, w.Power.URL("alpha", verb), patience); got != want {
			t.Errorf("told %s: %q", verb, got)
		}
	}
	if boots != 1 || alpha.BootID() == first {
		t.Errorf("booted %d times, boot id %s as before", boots, first)
	}
	if got := ask(t, beta, "http://192.0.2.200/outlet/omega/off", patience); !strings.HasPrefix(got, "404") {
		t.Errorf("an outlet that is not there: %q", got)
	}
	must(t, w.Power.Err())
}
