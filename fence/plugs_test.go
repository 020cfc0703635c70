package fence

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"locum/config"
	"locum/wire"
)

// The plugs answer as their makers' pages show; outlet 2 (or the plug's second) is the node's, the others are on.
func TestEachKindOfPlugIsSwitchedInItsOwnWay(t *testing.T) {
	for _, tc := range []struct {
		kind, outlet string
		answer       func(p *plug, w http.ResponseWriter, r *http.Request) bool
	}{
		{"shelly-gen1", "1", func(p *plug, w http.ResponseWriter, r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			if user != "locum" || password != "s3&cret" || r.URL.Path != "/relay/1" {
				http.Error(w, "", http.StatusUnauthorized)
				return true
			}
			p.turned(r.URL.Query().Get("turn"), "off", "on")
			fmt.Fprintf(w, `{"ison":%v,"has_timer":false,"timer_started":0,"overpower":false,"source":"http"}`, p.isOn())
			return true
		}},
		{"shelly", "1", func(p *plug, w http.ResponseWriter, r *http.Request) bool {
			if digestOnly("locum", "s3&cret")(p, w, r) {
				return true
			}
			if r.URL.Query().Get("id") != "1" {
				http.Error(w, `{"code":-105,"message":"Argument 'id', value 7 not found!"}`, http.StatusInternalServerError)
				return true
			}
			if r.URL.Path == "/rpc/Switch.Set" {
				fmt.Fprintf(w, `{"was_on":%v}`, p.isOn())
				p.turned(r.URL.Query().Get("on"), "false", "true")
				return true
			}
			fmt.Fprintf(w, `{"id":1,"source":"HTTP_in","output":%v,"apower":8.9,"temperature":{"tC":38.1}}`, p.isOn())
			return true
		}},
		{"tasmota", "2", func(p *plug, w http.ResponseWriter, r *http.Request) bool {
			q := r.URL.Query()
			if q.Get("user") != "locum" || q.Get("password") != "s3&cret" {
				fmt.Fprint(w, `{"WARNING":"Need user=<username>&password=<password>"}`)
				return true
			}
			what, _ := strings.CutPrefix(q.Get("cmnd"), "Power2")
			p.turned(strings.TrimSpace(what), "Off", "On")
			fmt.Fprintf(w, `{"POWER2":"%s"}`, map[bool]string{true: "ON", false: "OFF"}[p.isOn()])
			return true
		}},
		{"netio", "2", func(p *plug, w http.ResponseWriter, r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			if user != "locum" || password != "s3&cret" || r.URL.Path != "/netio.json" {
				http.Error(w, "", http.StatusUnauthorized)
				return true
			}
			if r.Method == http.MethodPost {
				var order struct{ Outputs []struct{ ID, Action int } }
				if json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&order) != nil || len(order.Outputs) != 1 || order.Outputs[0].ID != 2 {
					http.Error(w, "", http.StatusBadRequest)
					return true
				}
				p.turned(fmt.Sprint(order.Outputs[0].Action), "0", "1")
			}
			fmt.Fprintf(w, `{"Agent":{"Model":"NETIO 4All"},"Outputs":[{"ID":1,"Name":"a","State":1,"Action":6},{"ID":2,"Name":"b","State":%d,"Action":6}]}`,
				map[bool]int{true: 1, false: 0}[p.isOn()])
			return true
		}},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			t.Parallel()
			p := newPlug(t, tc.answer)
			f := p.kind(tc.kind, tc.outlet, "user", "locum", "password-file", secretFile(t, "s3&cret"))
			l := ladder(t, []config.Fence{f})
			if power, readings := l.Read(context.Background()); power != wire.PowerOn {
				t.Fatalf("%s: %+v", power, readings)
			}
			if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone || p.isOn() {
				t.Fatalf("%s: %s", got, text)
			}
			if err := l.On(context.Background()); err != nil || !p.isOn() {
				t.Fatal(err)
			}
			f.Keys["password-file"] = secretFile(t, "wr0ng")
			got, text := ladder(t, []config.Fence{within(f, brisk)}).Off(context.Background(), always)
			if got != wire.OutcomeUnknown || strings.Contains(text, "wr0ng") || !p.isOn() {
				t.Errorf("with a wrong password: %s: %s", got, text)
			}
		})
	}
}

func TestAPlugsAnswerAboutAnotherOutletIsNone(t *testing.T) {
	p := newPlug(t, func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
		fmt.Fprint(w, `{"id":0,"output":false}`)
		return true
	})
	got, text := ladder(t, []config.Fence{within(p.kind("shelly", "1"), brisk)}).Off(context.Background(), always)
	if got != wire.OutcomeUnknown || !strings.Contains(text, "its answer has no id=1") {
		t.Errorf("%s: %s", got, text)
	}
}

func TestAPlugThatHasNoSuchOutletIsRefused(t *testing.T) {
	for kind, outlet := range map[string]string{"tasmota": "0", "shelly-gen1": "8", "netio": "x"} {
		_, err := NewPlug(config.Fence{Type: kind, Keys: map[string]string{"address": "192.0.2.50", "outlet": outlet}}, "beta")
		if err == nil || !strings.Contains(err.Error(), "has outlets") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestOneValueOfAPlugsJSONCounts(t *testing.T) {
	for _, tc := range []struct{ text, path, want, fail string }{
		{`{"POWER":"OFF"}`, "POWER1|POWER", "OFF", ""},
		{`{"POWER1":"ON","POWER":"OFF"}`, "POWER1|POWER", "ON", ""},
		{`{"o":[{"ID":1,"s":1},{"ID":2,"s":0}]}`, "o.ID=2.s", "0", ""},
		{`{"o":[{"ID":2,"s":1},{"ID":2,"s":0}]}`, "o.ID=2.s", "", "has no ID=2"},
		{`{"id":1,"output":true}`, "id=1.output", "true", ""},
		{`{"id":1,"output":null}`, "id=1.output", "", "no word"},
		{`{"output":{"a":1}}`, "output", "", "no word"},
		{`off`, "output", "", "JSON"},
		{`{"output":false}{"output":true}`, "output", "", "more than one"},
		{`[1]`, "0", "", "has no 0"},
		{``, "", "", "JSON"},
	} {
		got, err := jsonField(tc.text, tc.path)
		if got != tc.want || (err == nil) != (tc.fail == "") || err != nil && !strings.Contains(err.Error(), tc.fail) {
			t.Errorf("%s at %s: %q, %v", tc.text, tc.path, got, err)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"o":[{"ID":1,"s":1},{"ID":2,"s":0}]}`, "o.ID=2.s")
	f.Fuzz(func(t *testing.T, text, path string) { _, _ = jsonField(text, path) })
}

// turned switches the plug if it was told one of the two words.
func (p *plug) turned(what, off, on string) {
	if what == off || what == on {
		p.set(what == on)
	}
}

// kind is the plug's line by its kind; more keys follow as pairs.
func (p *plug) kind(kind, outlet string, keys ...string) config.Fence {
	f := config.Fence{Name: "plug", Type: kind, Level: 1, Timeout: patience, Keys: map[string]string{
		"address": strings.TrimPrefix(p.server.URL, "http://"), "outlet": outlet}}
	for i := 0; i+1 < len(keys); i += 2 {
		f.Keys[keys[i]] = keys[i+1]
	}
	return f
}

func TestOnlyTheFirstOutletOfATasmotaPlugHasNoNumber(t *testing.T) {
	p := newPlug(t, func(_ *plug, w http.ResponseWriter, r *http.Request) bool {
		fmt.Fprint(w, `{"POWER":"OFF"}`)
		return true
	})
	got, text := ladder(t, []config.Fence{within(p.kind("tasmota", "2"), brisk)}).Off(context.Background(), always)
	if got == wire.OutcomeDone {
		t.Errorf("%s: %s: it has one outlet, asked was the second", got, text)
	}
}
