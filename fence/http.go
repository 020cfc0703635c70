package fence

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode"

	"locum/config"
	"locum/wire"
)

// maxAnswer bounds a plug's answer, in bytes.
const maxAnswer = 64 << 10

// httpPlug is a plug that is switched by requests to fixed addresses. The connection is kept, so that an idle probe has it
// ready for the shot.
type httpPlug struct {
	keys     map[string]string
	method   string
	user     string
	password string
	client   *http.Client
}

// NewHTTP makes the device of a "fence … type=http" line: url-off, url-status and url-on, each answered with 2xx. The
// answer to url-status holds the word match-off (default "off") or match-on (default "on"); with both or none of them the
// power is unknown.
func NewHTTP(f config.Fence, _ string) (Device, error) {
	p := &httpPlug{keys: f.Keys, method: cmp.Or(f.Keys["method"], http.MethodGet), user: f.Keys["user"]}
	if file := f.Keys["password-file"]; file != "" {
		var err error
		if p.password, err = secret(file); err != nil {
			return nil, err
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true, MaxResponseHeaderBytes: maxAnswer}
	if file := f.Keys["ca-file"]; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", file)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	p.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects; write the address that it redirects to")
	}}
	return p, nil
}

func (p *httpPlug) Off(ctx context.Context) error {
	_, err := p.ask(ctx, "off")
	return err
}

func (p *httpPlug) On(ctx context.Context) error {
	if p.keys["url-on"] == "" {
		return errors.New("the fence line has no url-on=")
	}
	_, err := p.ask(ctx, "on")
	return err
}

func (p *httpPlug) Status(ctx context.Context) (wire.Power, error) {
	text, err := p.ask(ctx, "status")
	if err != nil {
		return wire.PowerUnknown, err
	}
	off := hasWord(text, cmp.Or(p.keys["match-off"], "off"))
	on := hasWord(text, cmp.Or(p.keys["match-on"], "on"))
	switch {
	case off && !on:
		return wire.PowerOff, nil
	case on && !off:
		return wire.PowerOn, nil
	}
	return wire.PowerUnknown, fmt.Errorf("its answer says neither on nor off: %.60q", text)
}

// ask makes one request and gives the answer's body.
func (p *httpPlug) ask(ctx context.Context, what string) (string, error) {
	body := p.keys["body-"+what]
	method := p.method
	if what == "status" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, p.keys["url-"+what], bytes.NewReader([]byte(body)))
	if err != nil {
		return "", err
	}
	if p.user != "" || p.password != "" {
		r.SetBasicAuth(p.user, p.password)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return "", fmt.Errorf("%s: user or password are wrong", answer.Status)
	case answer.StatusCode/100 != 2:
		return "", errors.New(answer.Status)
	case err != nil:
		return "", err
	case len(text) > maxAnswer:
		return "", fmt.Errorf("its answer is longer than %d bytes", maxAnswer)
	}
	return string(text), nil
}

// hasWord reports whether a word stands in the text by itself, in any case.
func hasWord(text, word string) bool {
	text, word = strings.ToLower(text), strings.ToLower(word)
	for {
		before, after, found := strings.Cut(text, word)
		if !found {
			return false
		}
		if edge(before, true) && edge(after, false) {
			return true
		}
		text = after
		if text == "" {
			return false
		}
		// The letter before the rest is the word's own last one: it is no edge.
		text = "x" + text
	}
}

func edge(s string, end bool) bool {
	if s == "" {
		return true
	}
	r := []rune(s)
	c := r[0]
	if end {
		c = r[len(r)-1]
	}
	return !unicode.IsLetter(c) && !unicode.IsDigit(c)
}
