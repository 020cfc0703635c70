package fence

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"locum/config"
)

// plug is a real HTTP plug, with manners.
type plug struct {
	server *httptest.Server
	manner func(p *plug, w http.ResponseWriter, r *http.Request) bool // false: answer as a good plug does

	mu          sync.Mutex
	on          bool
	asked       []string
	connections int
	release     chan struct{}
}

func newPlug(t *testing.T, manner func(*plug, http.ResponseWriter, *http.Request) bool) *plug {
	t.Helper()
	return startPlug(t, manner, (*httptest.Server).Start)
}

func startPlug(t *testing.T, manner func(*plug, http.ResponseWriter, *http.Request) bool, start func(*httptest.Server)) *plug {
	t.Helper()
	p := &plug{manner: manner, on: true, release: make(chan struct{})}
	p.server = httptest.NewUnstartedServer(p)
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	count := p.server.Config.ConnState
	p.server.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateNew {
			p.mu.Lock()
			p.connections++
			p.mu.Unlock()
		}
		if count != nil {
			count(c, s)
		}
	}
	start(p.server)
	t.Cleanup(func() {
		close(p.release)
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

func (p *plug) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.URL.Path)
	p.mu.Unlock()
	if p.manner != nil && p.manner(p, w, r) {
		return
	}
	if r.URL.Path == "/off" || r.URL.Path == "/on" {
		p.set(r.URL.Path == "/on")
	}
	fmt.Fprintf(w, "outlet 2 is %s\n", map[bool]string{true: "ON", false: "OFF"}[p.isOn()])
}

func (p *plug) set(on bool) { p.mu.Lock(); defer p.mu.Unlock(); p.on = on }

func (p *plug) isOn() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.on }

// requests gives what was asked since the last call.
func (p *plug) requests() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := strings.Join(p.asked, " ")
	p.asked = nil
	return list
}

// hang holds a request until its client has gone or the test is over.
func (p *plug) hang(r *http.Request) bool {
	select {
	case <-r.Context().Done():
	case <-p.release:
	}
	return true
}

// line is the plug's fence line; more keys follow as pairs.
func (p *plug) line(name string, level int, keys ...string) config.Fence {
	f := config.Fence{Name: name, Type: "http", Level: level, Timeout: 300 * time.Millisecond, Keys: map[string]string{
		"url-off": p.server.URL + "/off", "url-on": p.server.URL + "/on", "url-status": p.server.URL + "/status"}}
	for i := 0; i+1 < len(keys); i += 2 {
		f.Keys[keys[i]] = keys[i+1]
	}
	return f
}

var constructors = map[string]Constructor{"http": NewHTTP, "manual": NewManual, "agent": NewAgent, "redfish": NewRedfish,
	"serial": NewSerial(openForTest), "rps10": NewSerial(openForTest), "ipmi": NewIPMI, "libvirt": NewLibvirt,
	"snmp": NewSNMP, "apc-snmp": NewSNMP, "apc2-snmp": NewSNMP, "eaton-snmp": NewSNMP, "raritan-snmp": NewSNMP,
	"shelly": NewPlug, "shelly-gen1": NewPlug, "tasmota": NewPlug, "netio": NewPlug}

func ladder(t testing.TB, levels ...[]config.Fence) *Ladder {
	t.Helper()
	l, err := NewLadder("beta", levels, constructors)
	if err != nil {
		t.Fatal(err)
	}
	l.restFor(0)
	return l
}

// restFor sets how long the devices stay off: real ones need it, those of a test only cost time by it.
func (l *Ladder) restFor(d time.Duration) {
	for _, level := range l.levels {
		for _, o := range level {
			o.rest = d
		}
	}
}

func always() error { return nil }
