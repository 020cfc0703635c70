package fence

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// debian is the line of a fence agent as it is packaged.
func debian(t *testing.T, agent string, keys map[string]string) config.Fence {
	t.Helper()
	if testing.Short() {
		t.Skip("each run of a fence agent takes a good part of a second")
	}
	if _, err := findAgent(agent); err != nil {
		t.Skip(err)
	}
	return config.Fence{Name: "board", Type: "agent", Agent: agent, Level: 1, Timeout: 20 * time.Second, Keys: keys}
}

func TestFenceDummySwitchesItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(file, []byte("on"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := ladder(t, []config.Fence{debian(t, "fence_dummy", map[string]string{"status-file": file})})
	if power, readings := l.Read(context.Background()); power != wire.PowerOn {
		t.Fatalf("%s: %+v", power, readings)
	}
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone || read(t, file) != "off" {
		t.Fatalf("%s: %s; the file says %s", got, text, read(t, file))
	}
	if r := l.Shoot(context.Background(), always); r.Outcome != wire.OutcomeDone || r.Devices[0].Shot {
		t.Errorf("off already: %s: %s", r.Outcome, r)
	}
	if err := l.On(context.Background()); err != nil || read(t, file) != "on" {
		t.Errorf("%v; the file says %s", err, read(t, file))
	}
}

func TestAnAgentsOwnExitStatusTwoForAWrongArgumentIsNotOff(t *testing.T) {
	// Without an address the library ends with a usage error, whose number may be that of "off".
	f := debian(t, "fence_redfish", map[string]string{"username": "locum"})
	power, err := device(t, f).Status(context.Background())
	if power != wire.PowerUnknown || err == nil || !strings.Contains(err.Error(), "fence_redfish status: exit status") {
		t.Errorf("%s, %v", power, err)
	}
}

// redfish is a management board as far as fence_redfish speaks to it (DMTF DSP0266: a ComputerSystem and its Reset).
type redfish struct {
	password string
	deaf     bool // takes a reset and does nothing
	mute     bool // answers nothing before its client has gone

	mu     sync.Mutex
	state  string // On or Off
	resets []string
}

func (b *redfish) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.mute {
		<-r.Context().Done()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if user, password, _ := r.BasicAuth(); user != "locum" || password != b.password {
		http.Error(w, `{"error":{}}`, http.StatusUnauthorized)
		return
	}
	const system = "/redfish/v1/Systems/1"
	switch r.Method + " " + r.URL.Path {
	case "GET " + system:
		_ = json.NewEncoder(w).Encode(map[string]any{"PowerState": b.state, "Actions": map[string]any{
			"#ComputerSystem.Reset": map[string]string{"target": system + "/Actions/ComputerSystem.Reset"}}})
	case "POST " + system + "/Actions/ComputerSystem.Reset":
		var reset struct{ ResetType string }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&reset); err != nil {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		b.resets = append(b.resets, reset.ResetType)
		if state, ok := map[string]string{"ForceOff": "Off", "On": "On"}[reset.ResetType]; ok && !b.deaf {
			b.state = state
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

// line has the agent speak to the board. It cannot be given the test's own certificate authority, so it checks none.
func (b *redfish) line(t *testing.T, password string) config.Fence {
	t.Helper()
	f := debian(t, "fence_redfish", nil)
	server := httptest.NewTLSServer(b)
	t.Cleanup(server.Close)
	host, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	f.Keys = map[string]string{"ip": host, "ipport": port, "ssl-insecure": "1", "username": "locum",
		"password-file": secretFile(t, password), "systems-uri": "/redfish/v1/Systems/1", "power-timeout": "2"}
	return f
}

func TestFenceRedfishSwitchesABoardOffAndOn(t *testing.T) {
	b := &redfish{password: "s3cret", state: "On"}
	l := ladder(t, []config.Fence{b.line(t, "s3cret")})
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone || text != "fence beta by board: said off" {
		t.Fatalf("%s: %s", got, text)
	}
	if err := l.On(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(b.resets, " "); got != "ForceOff On" {
		t.Errorf("the board was told %s", got)
	}
}

func TestFenceRedfishOnABoardThatDoesNothingIsNotDone(t *testing.T) {
	b := &redfish{password: "s3cret", state: "On", deaf: true}
	got, text := ladder(t, []config.Fence{b.line(t, "s3cret")}).Off(context.Background(), always)
	if got != wire.OutcomeFailed || !strings.Contains(text, "still on after off") {
		t.Errorf("%s: %s", got, text)
	}
}

func TestFenceRedfishOnABoardThatAnswersNothingIsUnknown(t *testing.T) {
	b := &redfish{password: "s3cret", state: "On", mute: true}
	got, text := ladder(t, []config.Fence{within(b.line(t, "s3cret"), 2*time.Second)}).Off(context.Background(), always)
	if got != wire.OutcomeUnknown || b.resets != nil {
		t.Errorf("%s: %s; the board was told %v", got, text, b.resets)
	}
}

func TestFenceRedfishWithAWrongPasswordIsUnknownAndDoesNotShowIt(t *testing.T) {
	b := &redfish{password: "s3cret", state: "Off"}
	f := b.line(t, "wr0ng")
	power, err := device(t, f).Status(context.Background())
	if power != wire.PowerUnknown || err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("%s, %v", power, err)
	}
	if b.resets != nil {
		t.Errorf("the board was told %v", b.resets)
	}
}
