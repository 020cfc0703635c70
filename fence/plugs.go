package fence

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"locum/config"
)

// plugType is a kind of plug whose requests are published by its maker. %[1]d stands for the outlet.
type plugType struct {
	first, last     int               // outlets, and which one is meant if the line says none: the first
	off, on, status string            // path and query
	keys            map[string]string // the rest of an http line
	login, user     string            // how it wants its user's name and password, and the name if there is but one
}

var plugTypes = map[string]plugType{
	// https://shelly-api-docs.shelly.cloud/gen1/ (relay)
	"shelly-gen1": {first: 0, last: 7, off: "/relay/%[1]d?turn=off", on: "/relay/%[1]d?turn=on", status: "/relay/%[1]d",
		keys: map[string]string{"json": "ison", "match-off": "false", "match-on": "true"}, login: "basic"},
	// https://shelly-api-docs.shelly.cloud/gen2/ (Switch, Authentication); generations 2 and later
	"shelly": {first: 0, last: 99, off: "/rpc/Switch.Set?id=%[1]d&on=false", on: "/rpc/Switch.Set?id=%[1]d&on=true", status: "/rpc/Switch.GetStatus?id=%[1]d",
		keys: map[string]string{"json": "id=%[1]d.output", "match-off": "false", "match-on": "true"}, login: "digest", user: "admin"},
	// https://tasmota.github.io/docs/Commands/ (with web requests); a plug with one relay calls it POWER
	"tasmota": {first: 1, last: 32, off: "/cm?cmnd=Power%[1]d%%20Off", on: "/cm?cmnd=Power%[1]d%%20On", status: "/cm?cmnd=Power%[1]d",
		keys: map[string]string{"json": "POWER%[1]d|POWER"}, login: "query", user: "admin"},
	// https://www.netio-products.com/en/application-notes/an21-json-https-protocol-to-control-netio-110230v-power-sockets-3x-rest-api
	"netio": {first: 1, last: 48, off: "/netio.json", on: "/netio.json", status: "/netio.json",
		keys: map[string]string{"method": "POST", "body-off": `{"Outputs":[{"ID":%[1]d,"Action":0}]}`, "body-on": `{"Outputs":[{"ID":%[1]d,"Action":1}]}`,
			"json": "Outputs.ID=%[1]d.State", "match-off": "0", "match-on": "1"}, login: "basic"},
}

// NewPlug makes the device of a line whose type is a kind of plug: address, outlet (default: the plug's first), user and
// password-file, and with scheme=https whose certificate is believed, as for http.
func NewPlug(f config.Fence, _ string) (Device, error) {
	kind, ok := plugTypes[f.Type]
	if !ok {
		return nil, fmt.Errorf("there is no plug type %q", f.Type)
	}
	outlet, err := strconv.Atoi(cmp.Or(f.Keys["outlet"], strconv.Itoa(kind.first)))
	if err != nil || outlet < kind.first || outlet > kind.last {
		return nil, fmt.Errorf("outlet=%s: a %s has outlets %d to %d", f.Keys["outlet"], f.Type, kind.first, kind.last)
	}
	return newPlugAt(kind.line(f, outlet), kind.login)
}

// line is the http line that means the same.
func (k plugType) line(f config.Fence, outlet int) config.Fence {
	keys := maps.Clone(f.Keys)
	base := cmp.Or(keys["scheme"], "http") + "://" + bracketed(keys["address"])
	for what, path := range map[string]string{"off": k.off, "on": k.on, "status": k.status} {
		keys["url-"+what] = base + numbered(path, outlet)
	}
	for key, value := range k.keys {
		keys[key] = numbered(value, outlet)
	}
	if outlet != k.first { // what is said without a number is said of the first
		keys["json"], _, _ = strings.Cut(keys["json"], "|")
	}
	if keys["password-file"] != "" {
		keys["user"] = cmp.Or(keys["user"], k.user)
	}
	f.Keys = keys
	return f
}

// numbered puts the outlet into a text that has a place for it.
func numbered(text string, outlet int) string {
	if !strings.Contains(text, "%[1]d") {
		return text
	}
	return fmt.Sprintf(text, outlet)
}

// bracketed is an address as it stands in a URL.
func bracketed(address string) string {
	if strings.Count(address, ":") > 1 && !strings.HasPrefix(address, "[") {
		return "[" + address + "]"
	}
	return address
}
