package fence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"locum/config"
	"locum/wire"
)

const (
	// maxAnswer bounds a plug's answer, head and body each, in bytes.
	maxAnswer = 64 << 10
	// maxRedirects bounds how often a plug may send a request on to another page of its own.
	maxRedirects = 3
)

// httpPlug is a plug that is switched by requests to fixed addresses. The connection of a question is kept, so that an idle one has
// it ready for the shot.
type httpPlug struct {
	keys           map[string]string
	method         string
	user, password string
	secrets        secrets
	login          string // how user and password go along: basic, digest, or query for plugs that want them in the address
	connections    *connections

	mu        sync.Mutex
	challenge *digest // the newest, for digest
}

// NewHTTP makes the device of a "fence … type=http" line: url-off, url-status and url-on, each to be answered with 2xx.
// The answer to url-status has to hold the word match-off (default "off") or match-on (default "on"), in any case; with
// both or none of them the power is unknown, and so it is where the question is sent on to another page, or answered by one in HTML without match-off in the line. method is that of url-off and url-on (default GET), body-off and body-on their
// bodies; user and password-file make a basic authorization (RFC 7617), or with auth=digest one by digest; ca-file,
// cert-sha256 and insecure say whose certificate is believed for https. With json=PATH only the value at that place of a JSON
// answer counts (json.go). A host's name is looked up at each new connection: an address does not depend on a name server.
func NewHTTP(f config.Fence, _ string) (Device, error) {
	return newPlugAt(f, cmp.Or(f.Keys["auth"], "basic"))
}

func newPlugAt(f config.Fence, login string) (*httpPlug, error) {
	p := &httpPlug{keys: f.Keys, method: cmp.Or(f.Keys["method"], http.MethodGet), user: f.Keys["user"], login: login}
	for _, what := range []string{"off", "status", "on"} {
		if _, err := p.request(context.Background(), what); err != nil && (what != "on" || p.keys["url-on"] != "") {
			return nil, err
		}
	}
	if strings.Contains(p.user, ":") {
		return nil, errors.New("user= holds a colon, which no authorization can carry")
	}
	var err error
	if p.connections, err = newConnections(f); err != nil {
		return nil, err
	}
	if file := f.Keys["password-file"]; file != "" {
		if p.password, err = secret(file); err != nil {
			return nil, err
		}
		p.secrets = secrets{p.password, basic(p.user, p.password), url.QueryEscape(p.password)}
	}
	return p, nil
}

// sameHost follows a plug that answers a command by sending on to its own page, and nobody else: the password would go with it.
func sameHost(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	if r.URL.Host != first.Host || r.URL.Scheme != first.Scheme {
		return errors.New("it sends on to another host; write in the fence line the address that is meant")
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("it sends on more than %d times", maxRedirects)
	}
	return nil
}

func (p *httpPlug) Off(ctx context.Context) error {
	_, err := p.ask(ctx, "off")
	return err
}

func (p *httpPlug) On(ctx context.Context) error {
	_, err := p.ask(ctx, "on")
	return err
}

func (p *httpPlug) Status(ctx context.Context) (wire.Power, error) {
	text, err := p.ask(ctx, "status")
	if err != nil {
		return wire.PowerUnknown, err
	}
	power, err := p.power(text)
	if err != nil {
		err = fmt.Errorf("%w: %s", err, brief(p.secrets.hide(text)))
	}
	return power, err
}

func (p *httpPlug) power(text string) (wire.Power, error) {
	off, on := cmp.Or(p.keys["match-off"], "off"), cmp.Or(p.keys["match-on"], "on")
	if path := p.keys["json"]; path != "" {
		value, err := jsonField(text, path)
		if err != nil {
			return wire.PowerUnknown, err
		}
		text = value
	} else if p.keys["match-off"] == "" && isPage(text) {
		return wire.PowerUnknown, errors.New("answers with a page for people, where such a word may be of anything; write match-off= and match-on= with what it says of the outlet, or another url-status=")
	}
	return powerIn(strings.ToLower(text), strings.ToLower(off), strings.ToLower(on))
}

// isPage reports whether a text is HTML as people get it, which need not have the tag <html>. What XML has too (<header>, <body>) does not tell.
func isPage(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{"<!doctype html", "<html", "<head>"}, func(tag string) bool { return strings.Contains(text, tag) })
}

// ask makes one request and gives the answer's body.
func (p *httpPlug) ask(ctx context.Context, what string) (string, error) {
	answer, err := p.send(ctx, what)
	if err != nil {
		return "", transportFailure(err, p.secrets)
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return "", fmt.Errorf("%d %s: %s", answer.StatusCode, http.StatusText(answer.StatusCode), p.refusal(answer))
	case answer.StatusCode/100 != 2:
		return "", fmt.Errorf("answers %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	case what == "status" && answer.Request.Response != nil:
		// What another page says, as one that asks for a login, is no word on the outlet.
		return "", fmt.Errorf("sends the question on to %s; write in url-status= the page that answers it", plain(answer.Request.URL.Path))
	}
	return bodyOf(answer)
}

// send sends a request; one by digest a second time if the server's challenge is a new one.
func (p *httpPlug) send(ctx context.Context, what string) (*http.Response, error) {
	client := p.connections.forCommand()
	if what == "status" {
		client = p.connections.forQuestion()
	}
	for again := true; ; again = false {
		r, err := p.request(ctx, what)
		if err != nil {
			return nil, err
		}
		answer, err := client.Do(r)
		if err != nil || answer.StatusCode != http.StatusUnauthorized || p.login != "digest" || !again {
			return answer, err
		}
		d, ok := digestOf(answer.Header["Www-Authenticate"])
		if !ok {
			return answer, nil
		}
		// Read to its end, so that the connection can be used again.
		_, _ = bodyOf(answer)
		answer.Body.Close()
		p.mu.Lock()
		p.challenge = &d
		p.mu.Unlock()
	}
}

// transportFailure is an error of net/http without secrets.
func transportFailure(err error, hidden secrets) error {
	// The outer error shows the whole address, in which some plugs want their password.
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	if errors.Is(err, io.EOF) {
		return errors.New("closed the connection without an answer")
	}
	return errors.New(plain(hidden.hide(err.Error())))
}

func (p *httpPlug) refusal(answer *http.Response) string {
	if _, ok := digestOf(answer.Header["Www-Authenticate"]); ok && p.login == "basic" {
		return "it wants auth=digest"
	}
	return "user= or password-file= are wrong"
}

// bodyOf reads an answer of bounded length.
func bodyOf(answer *http.Response) (string, error) {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return "", fmt.Errorf("its answer breaks off: %w", err)
	}
	if len(text) > maxAnswer {
		return "", fmt.Errorf("its answer is longer than %d bytes", maxAnswer)
	}
	return string(text), nil
}

func (p *httpPlug) request(ctx context.Context, what string) (*http.Request, error) {
	address := p.keys["url-"+what]
	if address == "" {
		return nil, fmt.Errorf("the fence line has no url-%s=", what)
	}
	method, body := p.method, p.keys["body-"+what]
	if what == "status" {
		method, body = http.MethodGet, ""
	}
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil || r.URL.Host == "" || r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return nil, fmt.Errorf("url-%s= is not an http:// or https:// address, or method= no method", what)
	}
	// Told twice is told once: net/http may send it again when the kept connection turns out to be dead.
	r.Header["Idempotency-Key"] = nil
	r.Header.Set("Cache-Control", "no-cache")
	if p.user != "" || p.password != "" {
		p.authorize(r)
	}
	return r, nil
}

func (p *httpPlug) authorize(r *http.Request) {
	switch p.login {
	case "basic":
		r.SetBasicAuth(p.user, p.password)
	case "query":
		withLogin(r.URL, p.user, p.password)
	case "digest":
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.challenge != nil {
			p.challenge.sign(r, p.user, p.password)
		}
	}
}
