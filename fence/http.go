package fence

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"locum/config"
	"locum/wire"
)

const (
	// maxAnswer bounds a plug's answer, head and body each, in bytes.
	maxAnswer = 64 << 10
	// maxRedirects bounds how often a plug may send a request on to another page of its own.
	maxRedirects = 3
)

// httpPlug is a plug that is switched by requests to fixed addresses. Its connection is kept, so that an idle question has
// it ready for the shot.
type httpPlug struct {
	keys           map[string]string
	method         string
	user, password string
	secrets        secrets
	client         *http.Client
}

// NewHTTP makes the device of a "fence … type=http" line: url-off, url-status and url-on, each to be answered with 2xx.
// The answer to url-status has to hold the word match-off (default "off") or match-on (default "on"), in any case; with
// both or none of them the power is unknown. method is that of url-off and url-on (default GET), body-off and body-on their
// bodies; user and password-file make a basic authorization (RFC 7617); ca-file holds the certificates for https, instead
// of the system's. A host's name is looked up at each new connection: an address does not depend on a name server.
func NewHTTP(f config.Fence, _ string) (Device, error) {
	p := &httpPlug{keys: f.Keys, method: cmp.Or(f.Keys["method"], http.MethodGet), user: f.Keys["user"]}
	for _, what := range []string{"off", "status", "on"} {
		if _, err := p.request(context.Background(), what); err != nil && (what != "on" || p.keys["url-on"] != "") {
			return nil, err
		}
	}
	if file := f.Keys["password-file"]; file != "" {
		var err error
		if p.password, err = secret(file); err != nil {
			return nil, err
		}
		p.secrets = secrets{p.password, basic(p.user, p.password)}
	}
	if strings.Contains(p.user, ":") {
		return nil, errors.New("user= holds a colon, which no basic authorization can carry")
	}
	transport, err := newTransport(f)
	if err != nil {
		return nil, err
	}
	p.client = &http.Client{Transport: transport, CheckRedirect: sameHost}
	return p, nil
}

// newTransport has no proxy: the way to a switch must not depend on the environment.
func newTransport(f config.Fence) (*http.Transport, error) {
	timeout := cmp.Or(f.Timeout, config.DefaultFenceTimeout)
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout:    timeout,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        3 * ProbeEvery, // outlives the pause between two idle questions, and a ladder nobody uses any more
		DisableCompression:     true,           // a small answer must not unpack to a large one
		MaxResponseHeaderBytes: maxAnswer,
	}
	file := f.Keys["ca-file"]
	if file == "" {
		return t, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool}
	return t, nil
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
	return powerIn(strings.ToLower(text), strings.ToLower(off), strings.ToLower(on))
}

// ask makes one request and gives the answer's body.
func (p *httpPlug) ask(ctx context.Context, what string) (string, error) {
	r, err := p.request(ctx, what)
	if err != nil {
		return "", err
	}
	answer, err := p.client.Do(r)
	if err != nil {
		// The outer error shows the whole address, in which some plugs want their password.
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		if errors.Is(err, io.EOF) {
			return "", errors.New("closed the connection without an answer")
		}
		return "", errors.New(plain(p.secrets.hide(err.Error())))
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return "", fmt.Errorf("%d %s: user= or password-file= are wrong", answer.StatusCode, http.StatusText(answer.StatusCode))
	case answer.StatusCode/100 != 2:
		return "", fmt.Errorf("answers %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
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
		r.SetBasicAuth(p.user, p.password)
	}
	return r, nil
}
