package fence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"locum/config"
	"locum/wire"
)

// boardWithSessions adds the list of systems and sessions to the board.
type boardWithSessions struct {
	*redfish
	systems   []string // Ids
	only      bool     // the password counts for a session only
	logins    int
	asked     []string // from where the state was asked for
	tokenGone bool
}

func (b *boardWithSessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == sessionsPath && r.Method == http.MethodPost {
		var login struct{ UserName, Password string }
		if json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&login) != nil || login.UserName != "locum" || login.Password != b.password {
			http.Error(w, "{}", http.StatusUnauthorized)
			return
		}
		b.logins++
		b.tokenGone = false
		w.Header().Set("X-Auth-Token", fmt.Sprint("token", b.logins))
		w.WriteHeader(http.StatusCreated)
		return
	}
	if b.only && (b.tokenGone || r.Header.Get("X-Auth-Token") != fmt.Sprint("token", b.logins)) {
		http.Error(w, "{}", http.StatusUnauthorized)
		return
	}
	if b.only {
		r.SetBasicAuth("locum", b.password)
	}
	if r.URL.Path == systemsPath {
		var members []map[string]string
		for _, id := range b.systems {
			members = append(members, map[string]string{"@odata.id": systemsPath + "/" + id})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"Members": members})
		return
	}
	if r.Method == http.MethodGet {
		b.asked = append(b.asked, r.RemoteAddr)
	}
	b.redfish.ServeHTTP(w, r)
}

// board starts it and gives its line and its server.
func (b *boardWithSessions) board(t *testing.T, password string, keys ...string) (config.Fence, *httptest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(b)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	print := sha256.Sum256(server.Certificate().Raw)
	f := config.Fence{Name: "board", Type: "redfish", Level: 1, Timeout: patience, Keys: map[string]string{
		"address": server.Listener.Addr().String(), "user": "locum", "password-file": secretFile(t, password), "cert-sha256": hex.EncodeToString(print[:])}}
	for i := 0; i+1 < len(keys); i += 2 {
		f.Keys[keys[i]] = keys[i+1]
	}
	return f, server
}

func TestARedfishBoardIsSwitchedOffAndOnByPasswordAndBySession(t *testing.T) {
	for _, auth := range []string{"basic", "session"} {
		t.Run(auth, func(t *testing.T) {
			b := &boardWithSessions{redfish: &redfish{password: "s3cret", state: "On"}, systems: []string{"1"}, only: auth == "session"}
			f, _ := b.board(t, "s3cret", "auth", auth)
			l := ladder(t, []config.Fence{f})
			if power, readings := l.Read(context.Background()); power != wire.PowerOn {
				t.Fatalf("%s: %+v", power, readings)
			}
			b.tokenGone = true
			if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
				t.Fatalf("%s: %s", got, text)
			}
			if err := l.On(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(b.resets, " "); got != "ForceOff On" {
				t.Errorf("the board was told %s", got)
			}
			if auth == "session" && b.logins != 2 {
				t.Errorf("%d sessions were begun; one, and another when it had ended, are wanted", b.logins)
			}
		})
	}
}

func TestARedfishBoardIsAskedOnAConnectionOnWhichNothingWasAskedBefore(t *testing.T) {
	b := &boardWithSessions{redfish: &redfish{password: "s3cret", state: "On"}, systems: []string{"1"}}
	f, _ := b.board(t, "s3cret")
	l := ladder(t, []config.Fence{f})
	if power, readings := l.Read(context.Background()); power != wire.PowerOn {
		t.Fatalf("%s: %+v", power, readings)
	}
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Fatalf("%s: %s", got, text)
	}
	if len(b.asked) < 2 || slices.Compare(slices.Compact(slices.Sorted(slices.Values(b.asked))), slices.Sorted(slices.Values(b.asked))) != 0 {
		t.Errorf("it was asked from %q", b.asked)
	}
}

func TestARedfishBoardThatIsNotGoodConfirmsNothing(t *testing.T) {
	for _, tc := range []struct {
		name     string
		board    boardWithSessions
		password string
		keys     []string
		want     wire.Outcome
		text     string
	}{
		{"takes the reset and does nothing", boardWithSessions{redfish: &redfish{deaf: true, state: "On"}}, "s3cret", []string{"system", "1"},
			wire.OutcomeFailed, "still on after off"},
		{"a wrong password", boardWithSessions{redfish: &redfish{state: "On"}}, "wr0ng", []string{"system", "1"},
			wire.OutcomeUnknown, "401 Unauthorized: user= or password-file= are wrong"},
		{"a wrong password for a session", boardWithSessions{redfish: &redfish{state: "On"}, only: true}, "wr0ng", []string{"system", "1", "auth", "session"},
			wire.OutcomeUnknown, "begins no session: 401 Unauthorized"},
		{"two systems", boardWithSessions{redfish: &redfish{state: "On"}, systems: []string{"1", "2"}}, "s3cret", nil,
			wire.OutcomeUnknown, "has 2 systems; write system= with one of them: /redfish/v1/Systems/1 /redfish/v1/Systems/2"},
		{"a system that is not there", boardWithSessions{redfish: &redfish{state: "On"}}, "s3cret", []string{"system", "7"},
			wire.OutcomeUnknown, "GET /redfish/v1/Systems/7: answers 404 Not Found"},
		{"a state that is neither", boardWithSessions{redfish: &redfish{deaf: true, state: "Unknown"}}, "s3cret", []string{"system", "1"},
			wire.OutcomeUnknown, `its PowerState is "Unknown"`},
		{"another certificate", boardWithSessions{redfish: &redfish{state: "On"}}, "s3cret", []string{"cert-sha256", strings.Repeat("ab", 32)},
			wire.OutcomeUnknown, "shows another certificate than cert-sha256= says"},
		{"a certificate that nobody vouches for", boardWithSessions{redfish: &redfish{state: "On"}}, "s3cret", []string{"cert-sha256", ""},
			wire.OutcomeUnknown, "certificate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := tc.board
			b.password = "s3cret"
			f, _ := b.board(t, tc.password, tc.keys...)
			if tc.board.deaf {
				f = within(f, brisk)
			}
			got, text := ladder(t, []config.Fence{f}).Off(context.Background(), always)
			if !judged(got, text, tc.want, tc.text) || strings.Contains(text, tc.password) {
				t.Errorf("%s: %s, want %s: %s", got, text, tc.want, tc.text)
			}
		})
	}
}

func TestWhoseCertificateIsBelievedCanBeSaid(t *testing.T) {
	b := &boardWithSessions{redfish: &redfish{password: "s3cret", state: "On"}, systems: []string{"1"}}
	f, server := b.board(t, "s3cret", "cert-sha256", "")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, key := range [][2]string{{"ca-file", ca}, {"insecure", "yes"}} {
		f.Keys[key[0]] = key[1]
		if power, readings := ladder(t, []config.Fence{f}).Read(context.Background()); power != wire.PowerOn {
			t.Errorf("%s=%s: %+v", key[0], key[1], readings)
		}
		delete(f.Keys, key[0])
	}
	f.Keys["cert-sha256"] = "12:34"
	if _, err := NewRedfish(f, "beta"); err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("half a fingerprint: %v", err)
	}
}
