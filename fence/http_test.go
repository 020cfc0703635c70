package fence

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

func TestOnlyAPlugThatSaysOffWhenAskedAgainIsDone(t *testing.T) {
	other := newPlug(t, nil)
	for _, tc := range []struct {
		name   string
		manner func(p *plug, w http.ResponseWriter, r *http.Request) bool
		want   wire.Outcome
		text   string
	}{
		{"a good plug", nil, wire.OutcomeDone, "said off"},
		{"accepts and does nothing", func(p *plug, w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path == "/off"
		}, wire.OutcomeFailed, "fence beta by pdu: still on after off"},
		{"says off to the command, and is on", func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
			fmt.Fprint(w, map[string]string{"/off": "off", "/status": "on"}[r.URL.Path])
			return true
		}, wire.OutcomeFailed, "still on after off"},
		{"lies three times, then tells the truth", func(p *plug, w http.ResponseWriter, r *http.Request) bool {
			p.mu.Lock()
			lie := r.URL.Path == "/status" && len(p.asked) < 5
			p.mu.Unlock()
			if lie {
				fmt.Fprint(w, "on")
			}
			return lie
		}, wire.OutcomeDone, "said off"},
		{"hangs", func(p *plug, _ http.ResponseWriter, r *http.Request) bool { return p.hang(r) },
			wire.OutcomeUnknown, "did not answer to off within 300ms"},
		{"obeys and does not answer", func(p *plug, _ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/off" {
				p.set(false)
			}
			return r.URL.Path == "/off" && p.hang(r)
		}, wire.OutcomeDone, "said off"},
		{"accepts, and hangs when asked", func(p *plug, _ http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path == "/status" && p.hang(r)
		}, wire.OutcomeUnknown, "did not say off: no answer in time"},
		{"fails at everything", func(_ *plug, w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "off", http.StatusInternalServerError)
			return true
		}, wire.OutcomeUnknown, "answers 500 Internal Server Error"},
		{"refuses, and says on", func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/off" {
				http.Error(w, "locked", http.StatusServiceUnavailable)
			}
			return r.URL.Path == "/off"
		}, wire.OutcomeFailed, "still on after off: answers 503"},
		{"obeys and closes in the middle of its answer", func(p *plug, _ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/off" {
				p.set(false)
				panic(http.ErrAbortHandler)
			}
			return false
		}, wire.OutcomeDone, "said off"},
		{"says off and closes in the middle of its answer", func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/status" {
				w.Header().Set("Content-Length", "100")
				fmt.Fprint(w, "outlet 2 is off")
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
			return false
		}, wire.OutcomeUnknown, "its answer breaks off"},
		{"says off in an answer without end", func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/status" {
				return false
			}
			fmt.Fprint(w, "off ")
			for block := make([]byte, 4096); ; {
				if _, err := w.Write(block); err != nil {
					return true
				}
			}
		}, wire.OutcomeUnknown, "its answer is longer than 65536 bytes"},
		{"has a head without measure", func(_ *plug, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("X-Long", strings.Repeat("x", 2*maxAnswer))
			return false
		}, wire.OutcomeUnknown, "exceeded"},
		{"says both", func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
			fmt.Fprint(w, "outlet 1 on, outlet 2 off")
			return true
		}, wire.OutcomeUnknown, `says both "off" and "on"`},
		{"says neither", func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
			fmt.Fprint(w, "offline; auto_off; power-off")
			return true
		}, wire.OutcomeUnknown, `says neither "off" nor "on": "offline; auto_off; power-off"`},
		{"sends on to its own page", func(p *plug, w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/off" {
				p.set(false)
				http.Redirect(w, r, "/index", http.StatusSeeOther)
			}
			return r.URL.Path == "/off"
		}, wire.OutcomeDone, "said off"},
		{"sends on for ever", func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/again", http.StatusFound)
			return true
		}, wire.OutcomeUnknown, "sends on more than 3 times"},
		{"sends on to another host", func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, other.server.URL+"/off", http.StatusTemporaryRedirect)
			return true
		}, wire.OutcomeUnknown, "sends on to another host"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newPlug(t, tc.manner)
			got, text := ladder(t, []config.Fence{p.line("pdu", 1)}).Off(context.Background(), always)
			if got != tc.want || !strings.Contains(text, tc.text) {
				t.Errorf("%s: %s, want %s: %s", got, text, tc.want, tc.text)
			}
			if asked := other.requests(); asked != "" {
				t.Errorf("a host that the line does not name was asked %s", asked)
			}
		})
	}
}

// A plug that obeys and answers only when its time is over has confirmed nothing; asked anew, it says what is so.
func TestAPlugThatAnswersLateIsAskedAnew(t *testing.T) {
	var late atomic.Bool
	late.Store(true)
	p := newPlug(t, func(p *plug, _ http.ResponseWriter, r *http.Request) bool {
		return late.Load() && p.hang(r) && r.URL.Path != "/off"
	})
	if got, text := ladder(t, []config.Fence{p.line("pdu", 1)}).Off(context.Background(), always); got != wire.OutcomeUnknown {
		t.Errorf("%s: %s", got, text)
	}
	late.Store(false)
	answers(t, func() error { // the late one obeys meanwhile
		power, err := device2(t, within(p.line("pdu", 1), patience))
		if err == nil && power != wire.PowerOff {
			err = fmt.Errorf("it was told off, and says %s", power)
		}
		return err
	})
}

func TestAServerThatSpeaksAnythingElseIsUnknownAndQuotedInOneLine(t *testing.T) {
	address := rawServer(t, func(c net.Conn, _ *bufio.Reader) {
		fmt.Fprintf(c, "off\x1b[2J off %s\r\n\r\n", strings.Repeat("off ", 5000))
	})
	l := ladder(t, []config.Fence{rawLine(address)})
	got, text := l.Off(context.Background(), always)
	if got != wire.OutcomeUnknown || len(text) > 400 || strings.ContainsAny(text, "\x1b\r\n") {
		t.Errorf("%s: %q", got, text)
	}
}

func TestAPlugThatAnswersAtOnceCostsTwoRequestsTheFirstOnTheConnectionOfTheIdleQuestion(t *testing.T) {
	p := newPlug(t, nil)
	l := ladder(t, []config.Fence{p.line("pdu", 1)})
	if power := l.Status(context.Background()); power != wire.PowerOn {
		t.Fatal(power)
	}
	p.requests()
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Fatalf("%s: %s", got, text)
	}
	if got := p.requests(); got != "/off /status" {
		t.Errorf("asked %s", got)
	}
	if p.connections != 2 { // the confirmation has one of its own
		t.Errorf("%d connections", p.connections)
	}
}

func TestADeadKeptConnectionCostsNoShot(t *testing.T) {
	// Each connection answers one request and closes when it has read the next: the worst moment.
	address := rawServer(t, func(c net.Conn, in *bufio.Reader) {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		text := map[string]string{"/off": "done", "/status": "on"}[r.URL.Path]
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		_, _ = http.ReadRequest(in)
	})
	f := rawLine(address)
	f.Keys["method"], f.Keys["body-off"] = "POST", "outlet=2"
	d, err := NewHTTP(f, "beta")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Status(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := d.Off(context.Background()); err != nil {
		t.Errorf("off by POST on a connection that its server had given up: %v", err)
	}
}

func TestMethodBodyAndAuthorizationGoWithTheCommandAndTheQuestionIsAGet(t *testing.T) {
	var seen []string
	p := newPlug(t, func(p *plug, w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		body := make([]byte, 100)
		n, _ := r.Body.Read(body)
		p.mu.Lock()
		seen = append(seen, fmt.Sprint(r.Method, " ", r.URL.Path, " ", user, " ", password, " ", string(body[:n])))
		p.mu.Unlock()
		return false
	})
	f := p.line("pdu", 1, "method", "PUT", "body-off", `{"s":0}`, "body-on", `{"s":1}`, "user", "locum", "password-file", secretFile(t, "right"))
	l := ladder(t, []config.Fence{f})
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Fatalf("%s: %s", got, text)
	}
	if err := l.On(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := `PUT /off locum right {"s":0}; GET /status locum right ; GET /status locum right ; PUT /on locum right {"s":1}; GET /status locum right `
	if got := strings.Join(seen, "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAWrongPasswordIsNamedAndNotShown(t *testing.T) {
	p := newPlug(t, func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
		if _, pass, _ := r.BasicAuth(); pass != "right" {
			http.Error(w, "you said "+pass+" "+r.Header.Get("Authorization"), http.StatusUnauthorized)
			return true
		}
		return false
	})
	l := ladder(t, []config.Fence{p.line("pdu", 1, "user", "locum", "password-file", secretFile(t, "s3cret"))})
	got, text := l.Off(context.Background(), always)
	if got != wire.OutcomeUnknown || !strings.Contains(text, "401 Unauthorized: user= or password-file= are wrong") {
		t.Errorf("%s: %s", got, text)
	}
	echo := newPlug(t, func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
		_, pass, _ := r.BasicAuth()
		fmt.Fprint(w, "you said ", pass, " ", r.Header.Get("Authorization"))
		return true
	})
	d, err := NewHTTP(echo.line("pdu", 1, "user", "locum", "password-file", secretFile(t, "s3cret")), "beta")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = d.Status(context.Background()); err == nil || !strings.Contains(err.Error(), `"you said *** Basic ***"`) {
		t.Errorf("a plug that sends the password back: %v", err)
	}
}

func TestHTTPSNeedsTheCertificateOfTheLine(t *testing.T) {
	p := startPlug(t, nil, (*httptest.Server).StartTLS)
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o644); err != nil {
		t.Fatal(err)
	}
	with, without := within(p.line("pdu", 1, "ca-file", file), patience), within(p.line("pdu", 1), patience)
	got, text := ladder(t, []config.Fence{with}).Off(context.Background(), always)
	if got != wire.OutcomeDone {
		t.Errorf("%s: %s", got, text)
	}
	got, text = ladder(t, []config.Fence{without}).Off(context.Background(), always)
	if got != wire.OutcomeUnknown || !strings.Contains(text, "certificate") {
		t.Errorf("a certificate that nobody vouches for: %s: %s", got, text)
	}
}

func TestAProxyOfTheEnvironmentIsNotAsked(t *testing.T) {
	transport, err := newTransport(config.Fence{})
	if err != nil {
		t.Fatal(err)
	}
	if transport.Proxy != nil {
		t.Error("the way to the switch depends on the environment")
	}
}

func TestALineThatCannotWorkIsRefused(t *testing.T) {
	good := map[string]string{"url-off": "http://127.0.0.1:1/off", "url-status": "http://127.0.0.1:1/status"}
	for _, tc := range []struct{ name, key, value, want string }{
		{"no url-off", "url-off", "", "no url-off="},
		{"no url-status", "url-status", "", "no url-status="},
		{"another scheme", "url-on", "ftp://127.0.0.1/on", "url-on= is not an http:// or https:// address"},
		{"no method", "method", "G ET", "method= no method"},
		{"a colon in the user's name", "user", "a:b", "colon"},
		{"no file of certificates", "ca-file", "/nonexistent/ca.pem", "no such file"},
		{"a file of certificates without any", "ca-file", "/etc/hostname", "holds no certificate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := config.Fence{Keys: map[string]string{}}
			for k, v := range good {
				f.Keys[k] = v
			}
			f.Keys[tc.key] = tc.value
			if _, err := NewHTTP(f, "beta"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	d, err := NewHTTP(config.Fence{Keys: good}, "beta")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.On(context.Background()); err == nil || !strings.Contains(err.Error(), "no url-on=") {
		t.Errorf("on without an address: %v", err)
	}
}

func TestAPlugsOwnWordsMayBeGiven(t *testing.T) {
	p := newPlug(t, func(p *plug, w http.ResponseWriter, r *http.Request) bool {
		p.set(p.isOn() && r.URL.Path != "/off")
		fmt.Fprintf(w, `{"ison":%v,"auto_off":0}`, p.isOn())
		return true
	})
	got, text := ladder(t, []config.Fence{p.line("pdu", 1, "match-off", "False", "match-on", "true")}).Off(context.Background(), always)
	if got != wire.OutcomeDone {
		t.Errorf("%s: %s", got, text)
	}
}

// rawServer speaks to each connection as it is told; all of them end with the test.
func rawServer(t *testing.T, speak func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				speak(c, bufio.NewReader(c))
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func rawLine(address string) config.Fence {
	return config.Fence{Name: "pdu", Type: "http", Level: 1, Timeout: 2 * time.Second, Keys: map[string]string{
		"url-off": "http://" + address + "/off", "url-status": "http://" + address + "/status"}}
}

func TestAQuestionThatIsSentOnToAnotherPageIsNotAnswered(t *testing.T) {
	p := newPlug(t, func(p *plug, w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/status":
			http.Redirect(w, r, "/login", http.StatusFound)
			return true
		case "/login":
			fmt.Fprint(w, "<p>You have been logged off.</p>")
			return true
		}
		return r.URL.Path == "/off" // does nothing
	})
	got, text := ladder(t, []config.Fence{p.line("pdu", 1)}).Off(context.Background(), always)
	if got == wire.OutcomeDone {
		t.Errorf("%s: %s, and it is on", got, text)
	}
}

// A device that answers a question once more, when the next one has come, says nothing about that one.
func TestAnAnswerTooManyIsNotTakenForThatToTheNextQuestion(t *testing.T) {
	answer := func(c net.Conn, text string) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	}
	var off atomic.Bool // what the outlet was when the device was asked first
	off.Store(true)
	address := rawServer(t, func(c net.Conn, in *bufio.Reader) {
		last := ""
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if last != "" {
				answer(c, last)
			}
			switch {
			case r.URL.Path == "/off":
				last = "switching off"
			case off.Load():
				last = "off"
			default:
				last = "on"
			}
			answer(c, last)
		}
	})
	l := ladder(t, []config.Fence{rawLine(address)})
	if power := l.Status(context.Background()); power != wire.PowerOff {
		t.Fatal(power)
	}
	off.Store(false)
	if power := l.Status(context.Background()); power != wire.PowerOn {
		t.Errorf("it is on, and what is taken for its answer says %s", power)
	}
	if got, text := l.Off(context.Background(), always); got == wire.OutcomeDone {
		t.Errorf("it stays on, and yet: %s: %s", got, text)
	}
}

// A page for people says all kinds of things, and comes with 200 also where it asks for a login: "off" in it is no word on the outlet, unless the
// line says what is.
func TestAPageForPeopleDoesNotAnswerByTheUsualWords(t *testing.T) {
	text := "<!DOCTYPE html><html><body>Your session has ended, and you were logged off. <a href=/login>Back</a></body></html>"
	p := newPlug(t, func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/status" {
			fmt.Fprint(w, text)
		}
		return r.URL.Path == "/status"
	})
	for _, text = range []string{text, "<!DOCTYPE html>\n<title>PDU</title><h1>You were logged off</h1>", "<HEAD><TITLE>Off</TITLE></HEAD><BODY>Log in</BODY>"} {
		if power, err := device2(t, within(p.line("pdu", 1), patience)); power != wire.PowerUnknown || err == nil || !strings.Contains(err.Error(), "write match-off=") {
			t.Errorf("%s: %s, %v", text, power, err)
		}
	}
	text = "<?xml version='1.0'?><answer><header/><body>off</body></answer>"
	if power, err := device2(t, within(p.line("pdu", 1), patience)); power != wire.PowerOff || err != nil {
		t.Errorf("%s, %v", power, err)
	}
	text = "<html><body><td>Outlet 2</td><td>state: off</td></body></html>"
	if power, err := device2(t, within(p.line("pdu", 1, "match-off", "state: off", "match-on", "state: on"), patience)); power != wire.PowerOff || err != nil {
		t.Errorf("%s, %v", power, err)
	}
}
