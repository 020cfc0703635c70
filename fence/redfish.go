package fence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"locum/config"
	"locum/wire"
)

// redfishBoard is a management board that speaks Redfish (DMTF DSP0266): a ComputerSystem with its PowerState and its Reset.
type redfishBoard struct {
	base           string // https://host
	user, password string
	session        bool // a session and its token instead of the password in each request
	secrets        secrets
	connections    *connections

	mu     sync.Mutex
	client *http.Client // of the question or the command under way
	system string       // path; "" until it was found
	reset  string       // path of the system's reset; "" until it was read
	token  string       // of the session
}

// NewRedfish makes the device of a "fence … type=redfish" line: address, user and password-file; system (an Id or a path; the
// only one of the board if the line says none); auth=session for boards that take the password for a session only; ca-file,
// cert-sha256 or insecure say whose certificate is believed.
func NewRedfish(f config.Fence, _ string) (Device, error) {
	b := &redfishBoard{base: "https://" + bracketed(f.Keys["address"]), user: f.Keys["user"], session: f.Keys["auth"] == "session"}
	if f.Keys["address"] == "" || b.user == "" || strings.Contains(b.user, ":") {
		return nil, errors.New("the fence line needs address= and user= (without a colon)")
	}
	var err error
	if b.connections, err = newConnections(f); err != nil {
		return nil, err
	}
	if b.password, err = secret(f.Keys["password-file"]); err != nil {
		return nil, err
	}
	b.secrets = secrets{b.password, basic(b.user, b.password)}
	if b.system = f.Keys["system"]; b.system != "" && !strings.HasPrefix(b.system, "/") {
		b.system = systemsPath + "/" + url.PathEscape(b.system)
	}
	return b, nil
}

const (
	systemsPath  = "/redfish/v1/Systems"
	sessionsPath = "/redfish/v1/SessionService/Sessions"
)

func (b *redfishBoard) Off(ctx context.Context) error { return b.told(ctx, "ForceOff") }

func (b *redfishBoard) On(ctx context.Context) error { return b.told(ctx, "On") }

// told sends a reset. Where it goes to is remembered from the idle question, so that a shot is one request.
func (b *redfishBoard) told(ctx context.Context, what string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.client = b.connections.forCommand()
	if b.reset == "" {
		if _, err := b.state(ctx); err != nil {
			return err
		}
	}
	err := b.ask(ctx, http.MethodPost, b.reset, map[string]string{"ResetType": what}, nil)
	if err != nil {
		b.reset = ""
	}
	return err
}

func (b *redfishBoard) Status(ctx context.Context) (wire.Power, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.client = b.connections.forQuestion()
	state, err := b.state(ctx)
	switch {
	case err != nil:
		return wire.PowerUnknown, err
	case state == "Off":
		return wire.PowerOff, nil
	case state == "On", state == "PoweringOn", state == "PoweringOff", state == "Paused":
		return wire.PowerOn, nil
	}
	return wire.PowerUnknown, fmt.Errorf("its PowerState is %s", brief(state))
}

// state reads the system.
func (b *redfishBoard) state(ctx context.Context) (string, error) {
	if err := b.find(ctx); err != nil {
		return "", err
	}
	var system struct {
		PowerState string
		Actions    struct {
			Reset struct {
				Target string `json:"target"`
			} `json:"#ComputerSystem.Reset"`
		}
	}
	if err := b.ask(ctx, http.MethodGet, b.system, nil, &system); err != nil {
		return "", err
	}
	if b.reset = system.Actions.Reset.Target; !strings.HasPrefix(b.reset, "/") || strings.HasPrefix(b.reset, "//") {
		b.reset = b.system + "/Actions/ComputerSystem.Reset"
	}
	return system.PowerState, nil
}

// find looks for the board's system where the line names none.
func (b *redfishBoard) find(ctx context.Context) error {
	if b.system != "" {
		return nil
	}
	var list struct {
		Members []struct {
			ID string `json:"@odata.id"`
		}
	}
	if err := b.ask(ctx, http.MethodGet, systemsPath, nil, &list); err != nil {
		return err
	}
	if len(list.Members) != 1 || !strings.HasPrefix(list.Members[0].ID, "/") {
		var names []string
		for _, m := range list.Members {
			names = append(names, m.ID)
		}
		return fmt.Errorf("has %d systems; write system= with one of them: %s", len(names), plain(strings.Join(names, " ")))
	}
	b.system = list.Members[0].ID
	return nil
}

// ask makes one request and reads its answer into a value. A session that has ended is begun again.
func (b *redfishBoard) ask(ctx context.Context, method, path string, body, into any) error {
	if b.session && b.token == "" {
		if err := b.begin(ctx); err != nil {
			return err
		}
		return b.once(ctx, method, path, body, into)
	}
	err := b.once(ctx, method, path, body, into)
	if b.session && errors.Is(err, errRefused) {
		b.token = ""
		return b.ask(ctx, method, path, body, into)
	}
	return err
}

// errRefused: user and password, or the session, are not taken.
var errRefused = errors.New("user= or password-file= are wrong")

func (b *redfishBoard) once(ctx context.Context, method, path string, body, into any) error {
	answer, text, err := b.send(ctx, method, path, body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%d %s: %w", answer.StatusCode, http.StatusText(answer.StatusCode), errRefused)
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: answers %d %s: %s", method, plain(path), answer.StatusCode, http.StatusText(answer.StatusCode), brief(b.secrets.hide(text)))
	case into == nil:
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("%s: does not answer in JSON: %s", plain(path), brief(b.secrets.hide(text)))
	}
	return nil
}

// begin begins a session.
func (b *redfishBoard) begin(ctx context.Context) error {
	answer, _, err := b.send(ctx, http.MethodPost, sessionsPath, map[string]string{"UserName": b.user, "Password": b.password})
	if err != nil {
		return err
	}
	if b.token = answer.Header.Get("X-Auth-Token"); b.token == "" {
		return fmt.Errorf("begins no session: %d %s: %w", answer.StatusCode, http.StatusText(answer.StatusCode), errRefused)
	}
	b.secrets = append(b.secrets[:2:2], b.token)
	return nil
}

func (b *redfishBoard) send(ctx context.Context, method, path string, body any) (*http.Response, string, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, "", err
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, content)
	if err != nil {
		return nil, "", errors.New("address= or system= make no address")
	}
	r.Header["Idempotency-Key"] = nil // told twice is told once: net/http may repeat it on a new connection
	r.Header.Set("Accept", "application/json")
	r.Header.Set("OData-Version", "4.0")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case !b.session:
		r.SetBasicAuth(b.user, b.password)
	case b.token != "":
		r.Header.Set("X-Auth-Token", b.token)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return nil, "", transportFailure(err, b.secrets)
	}
	defer answer.Body.Close()
	text, err := bodyOf(answer)
	return answer, text, err
}
