package vip

import (
	"strings"
	"testing"
	"time"

	"locum/config"
)

func TestNew(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		keys    map[string]string
		wrong   string // part of the error; "" if there is none
		refresh time.Duration
	}{
		{name: "an IPv4 address on a named interface", args: []string{"192.0.2.100/24"}, keys: map[string]string{"dev": "eth0"}, refresh: time.Minute},
		{name: "an IPv6 address wherever its subnet is", args: []string{"2001:db8::100/64"}, refresh: time.Minute},
		{name: "an address alone in its subnet", args: []string{"192.0.2.100/32"}, refresh: time.Minute},
		{name: "both addresses of a /31 can be a machine's", args: []string{"192.0.2.0/31"}, refresh: time.Minute},
		{name: "a link-local address", args: []string{"fe80::100/64"}, keys: map[string]string{"dev": "eth0"}, refresh: time.Minute},
		{name: "another refresh", args: []string{"192.0.2.100/24"}, keys: map[string]string{"refresh": "30s"}, refresh: 30 * time.Second},
		{name: "no address", wrong: "want one: an address"},
		{name: "two addresses", args: []string{"192.0.2.100/24", "192.0.2.101/24"}, wrong: "2 words after vip"},
		{name: "an address without its prefix length", args: []string{"192.0.2.100"}, wrong: "write it as 192.0.2.100/24"},
		{name: "a name", args: []string{"www.example.com"}, wrong: "not an address with its prefix length"},
		{name: "an address with a zone", args: []string{"fe80::100%eth0/64"}, wrong: "not an address with its prefix length"},
		{name: "IPv4 within IPv6", args: []string{"::ffff:192.0.2.100/120"}, wrong: "write it as 192.0.2.100"},
		{name: "a group", args: []string{"224.0.0.1/24"}, wrong: "a group, this host or nothing"},
		{name: "an IPv6 group", args: []string{"ff02::1/64"}, wrong: "a group, this host or nothing"},
		{name: "the loopback address", args: []string{"127.0.0.2/8"}, wrong: "a group, this host or nothing"},
		{name: "no address at all", args: []string{"0.0.0.0/24"}, wrong: "a group, this host or nothing"},
		{name: "everything is the subnet", args: []string{"192.0.2.100/0"}, wrong: "whole internet"},
		{name: "the subnet's own address", args: []string{"192.0.2.0/24"}, wrong: "first or last"},
		{name: "the subnet's broadcast address", args: []string{"192.0.2.127/25"}, wrong: "first or last"},
		{name: "an unknown key", args: []string{"192.0.2.100/24"}, keys: map[string]string{"device": "eth0"}, wrong: "device=eth0: a vip knows dev= and refresh= only"},
		{name: "a name that leads out of /proc/sys", args: []string{"192.0.2.100/24"}, keys: map[string]string{"dev": "../all"}, wrong: "no interface can have this name"},
		{name: "a name that is too long", args: []string{"192.0.2.100/24"}, keys: map[string]string{"dev": "enp129s0f1np1v12"}, wrong: "1 to 15 characters"},
		{name: "an empty name", args: []string{"192.0.2.100/24"}, keys: map[string]string{"dev": ""}, wrong: "1 to 15 characters"},
		{name: "a refresh without its unit", args: []string{"192.0.2.100/24"}, keys: map[string]string{"refresh": "60"}, wrong: "not a time with its unit"},
		{name: "a refresh that fills the wire", args: []string{"192.0.2.100/24"}, keys: map[string]string{"refresh": "10ms"}, wrong: "between 1s and 1h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := New(config.Resource{Service: "web", Type: "vip", Args: tt.args, Keys: tt.keys})
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Fatalf("error %v, want one with %q", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v.refresh != tt.refresh {
				t.Errorf("refresh %s, want %s", v.refresh, tt.refresh)
			}
		})
	}
}
