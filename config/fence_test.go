package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEachMistakeInAFenceLineIsNamed(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"a board without a user", "type=redfish address=192.0.2.61 password-file=/etc/p", "fence redfish: user= is missing"},
		{"an address that is none", "type=shelly address=http://192.0.2.50/", `fence shelly address=: "http://192.0.2.50/" is not a host`},
		{"a port that is none", "type=shelly address=192.0.2.50:0", "is not a host"},
		{"a host with a port", "type=shelly address=plug.example.org:8080", ""},
		{"an address of version 6", "type=shelly address=2001:db8::50", ""},
		{"one of version 6 with a port", "type=shelly address=[2001:db8::50]:80 outlet=1", ""},
		{"an outlet that is no number", "type=tasmota address=192.0.2.50 outlet=two", `"two" is not a number`},
		{"a scheme that is none", "type=netio address=192.0.2.50 scheme=ftp", "fence netio: scheme=ftp: there are http, https"},
		{"an authorization that is none", "type=redfish address=192.0.2.61 user=a password-file=/etc/p auth=digest", "auth=digest: there are basic, session"},
		{"neither yes nor no", "type=shelly address=192.0.2.50 insecure=maybe", "write yes or no"},
		{"nobody who asks", "type=apc-snmp address=192.0.2.50 outlet=1", "fence apc-snmp: write either community-file="},
		{"a user without a secret", "type=apc-snmp address=192.0.2.50 outlet=1 user=locum", "fence apc-snmp: auth-file= is missing"},
		{"a community of version 3", "type=apc-snmp address=192.0.2.50 outlet=1 community-file=/etc/c version=3", "version=3 does not go with community-file="},
		{"a community in the file", "type=apc-snmp address=192.0.2.50 outlet=1 community=public", "no secret stands in this file"},
		{"objects", "type=snmp address=192.0.2.50 oid-off=1.3.6.1 value-off=2 value-on=1 oid-status=1.3.6.2 status-off=2 status-on=1 community-file=/etc/c", ""},
		{"an object that is none", "type=snmp address=192.0.2.50 oid-off=sysName.0 value-off=2 value-on=1 oid-status=1.3.6.2 status-off=2 status-on=1 community-file=/etc/c", `"sysName.0" is not an object's number`},
		{"a switch on a path's port", "type=rps10 device=/dev/ttyS0 outlet=1\npath serial null alpha=/dev/ttyS0 beta=/dev/ttyS1",
			"f:12: fence two uses /dev/ttyS0, which is path null on alpha"},
		{"a switch beside it", "type=rps10 device=/dev/ttyS1 outlet=1\npath serial null alpha=/dev/ttyS0 beta=/dev/ttyS1", ""},
		{"a table of strings", `type=serial device=/dev/ttyS1 send-off=\x02off\r send-status="\\x02 status\\r" match-off=OFF match-on=ON`, ""},
		{"on again", "type=shelly address=192.0.2.50 then=on", ""},
		{"one word for off and on", "type=http url-off=http://192.0.2.50/off url-status=http://192.0.2.50/ match-off=ON", `match-off= and match-on= are both "on"`},
		{"one number for off and on", "type=snmp address=192.0.2.50 oid-off=1.3.6.1 value-off=2 value-on=1 oid-status=1.3.6.2 status-off=1 status-on=1 community-file=/etc/c", "status-off= and status-on= are both 1"},
		{"something else then", "type=shelly address=192.0.2.50 then=cycle", "fence: then=cycle: write then=on"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, p := Parse("f", good+"fence beta two level=2 "+tc.line+"\n")
			switch {
			case tc.want == "" && c == nil:
				t.Error(p.Errors)
			case tc.want != "" && (c != nil || !strings.Contains(p.Error(), tc.want)):
				t.Errorf("got %v, want %s", p.Errors, tc.want)
			}
		})
	}
}

func TestWhatIsWeakAboutAFenceLineIsSaid(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"anybody's certificate", "type=redfish address=192.0.2.61 user=a password-file=/etc/p insecure=yes", "f:12: fence two: insecure=yes: anybody on the way"},
		{"a password in an address", "type=http url-off=http://192.0.2.50/2?off&PW=hunter2 url-status=http://192.0.2.50/2", "f:12: fence two: url-off= holds a secret (PW=)"},
		{"another node's question", "type=http url-off=http://192.0.2.50/2/off url-status=http://192.0.2.50/1\nfence alpha two type=http level=2 url-off=http://192.0.2.50/1/off url-status=http://192.0.2.50/1",
			"f:13: fence two asks the same as line 12, which is another node's: when that one is off, this one counts as off too"},
		{"a host without a certificate", "type=libvirt uri=qemu+tcp://192.0.2.70/system domain=b timeout=15s", "f:12: fence two: uri=qemu+tcp://192.0.2.70/system goes over the network without a certificate"},
		{"a host by its name", "type=libvirt uri=qemu+tcp://host.example.org:16509/system domain=b timeout=15s", "goes over the network without a certificate or a password"},
		{"an agent that takes what it does not find for off", "agent=fence_vmware_soap ip=192.0.2.70 plug=b missing-as-off=1", "f:12: fence two: missing-as-off=1: an outlet or machine that the agent does not find counts as off"},
		{"a short time for a board", "type=redfish address=192.0.2.61 user=a password-file=/etc/p timeout=2s", "f:12: fence two: timeout=2s is short for type=redfish"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, p := Parse("f", good+"fence beta two level=2 "+tc.line+"\n")
			if c == nil {
				t.Fatal(p.Errors)
			}
			if !warned(p, tc.want) {
				t.Errorf("%v", p.Warnings)
			}
		})
	}
}

func TestAGuestsHostThatIsAskedInPrivateIsNotWarnedOf(t *testing.T) {
	for _, uri := range []string{"qemu:///system", "qemu+tls://192.0.2.70/system", "qemu+tcp://127.0.0.1/system", "qemu+tcp://[::1]:16509/system", "qemu+tcp://localhost/system"} {
		_, p := Parse("f", good+"fence beta two level=2 type=libvirt uri="+uri+" domain=b timeout=15s\n")
		if warned(p, "goes over the network") {
			t.Errorf("%s: %v", uri, p.Warnings)
		}
	}
}

func TestWhatDiesTogetherWithANodeIsNamedWithWhatIsLeft(t *testing.T) {
	const board = "fence alpha board type=redfish address=192.0.2.61 user=a password-file=/etc/p level=%\n"
	for _, tc := range []struct{ name, new, event, proof, warning string }{
		{"one switch for both nodes", "", "alpha dies together with the switch at 192.0.2.50", "an operator's word", "f:7: when alpha dies together with the switch"},
		{"a board behind the switch is on the same supply", strings.Replace(board, "%", "2", 1), "alpha dies together with the switch at 192.0.2.50", "an operator's word", "f:7: when alpha dies"},
		{"the switch behind the board", strings.Replace(board, "%", "2", 1), "alpha loses its supply, and its management board with it", "power confirmed off", ""},
		{"another switch behind the first", "fence alpha other type=apc-snmp address=192.0.2.51 outlet=1 community-file=/etc/c level=2\n",
			"alpha dies together with the switch at 192.0.2.50", "power confirmed off", ""},
		{"a person is no device", "fence alpha hand type=manual level=2\n", "alpha dies together with the switch at 192.0.2.50", "an operator's word", "f:7: when alpha dies"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, p := Parse("f", good+tc.new)
			if c == nil {
				t.Fatal(p.Errors)
			}
			i := slices.IndexFunc(c.Explain(), func(r Row) bool { return r.Event == tc.event })
			if i < 0 || c.Explain()[i].Proof != tc.proof {
				t.Errorf("%+v", c.Explain())
			}
			if tc.warning != "" && !warned(p, tc.warning) {
				t.Errorf("not warned of: %v", p.Warnings)
			}
			if tc.warning == "" && warned(p, "when "+tc.event) {
				t.Errorf("warned of what is survived: %v", p.Warnings)
			}
		})
	}
}

func TestOneOfTwoSuppliesDoesNotTakeTheNodeAlong(t *testing.T) {
	c, p := Parse("f", good+"fence alpha second type=apc-snmp address=192.0.2.51 outlet=1 community-file=/etc/c\n")
	if c == nil {
		t.Fatal(p.Errors)
	}
	for _, r := range c.Explain() {
		if strings.HasPrefix(r.Event, "alpha dies together") {
			t.Errorf("%+v", r)
		}
	}
}

func TestABoardAloneIsWarnedOfAndAPlugOfTheNodesOwnIsNot(t *testing.T) {
	for line, want := range map[string]bool{"type=ipmi address=192.0.2.61 user=a password-file=/etc/p": true,
		"agent=fence_ipmilan ip=192.0.2.61 username=a password-file=/etc/p": true, "type=shelly address=192.0.2.52": false} {
		_, p := Parse("f", strings.Replace(good, "fence alpha pdu type=http url-off=http://192.0.2.50/1/off url-status=http://192.0.2.50/1", "fence alpha own "+line, 1))
		if len(p.Errors) > 0 || warned(p, "nothing can prove that alpha is off") != want {
			t.Errorf("%s: %v %v", line, p.Errors, p.Warnings)
		}
	}
}

func TestTwoNodesOnOneOutletAreWarnedOf(t *testing.T) {
	line := " same type=shelly address=192.0.2.52 outlet=0 level=2\n"
	_, p := Parse("f", good+"fence alpha"+line+"fence beta"+line)
	if !warned(p, "f:13: fence same says the same as line 12, which is another node's") {
		t.Error(p.Warnings)
	}
}

func TestTheDelayCountsWhatEveryTypeMayTake(t *testing.T) {
	text := strings.Replace(good, "tiebreak fence", "tiebreak fence delay=90s", 1) + "fence beta board type=ipmi address=192.0.2.61 user=a password-file=/etc/p level=2 timeout=30s\n"
	if c, p := Parse("f", text); c != nil || !strings.Contains(p.Error(), "must wait longer than the first may take, 1m40s (off and confirmation, all levels)") {
		t.Error(p.Errors)
	}
}

func warned(p *Problems, text string) bool {
	for _, w := range p.Warnings {
		if strings.Contains(w.String(), text) {
			return true
		}
	}
	return false
}

func TestOnlyWhatMayOwnDataWaitsForASupply(t *testing.T) {
	const pair = "cluster c\nkey /k\nnode 1 alpha\nnode 2 beta\npath udp lan alpha=192.0.2.1 beta=192.0.2.2\ntiebreak unsafe\n"
	const outlet, board = "type=shelly address=192.0.2.50", "type=redfish address=192.0.2.61 user=a password-file=/etc/p"
	for _, tc := range []struct {
		line, service string
		want          time.Duration
	}{
		{outlet, "nodes=alpha,beta\nresource db unit db.service", 500 * time.Millisecond},
		{outlet, "nodes=alpha\nresource db unit db.service", 0},
		{outlet, "nodes=alpha,beta stateless=yes\nresource db unit db.service", 0},
		{outlet, "nodes=alpha,beta\nresource db vip 192.0.2.101/24", 0},
		{outlet + " holdup=2s", "nodes=alpha\nresource db unit db.service", 2 * time.Second},
		{outlet + " holdup=0s", "nodes=alpha,beta\nresource db unit db.service", 0},
		{board, "nodes=alpha,beta\nresource db unit db.service", 0},
		{"type=manual", "nodes=alpha,beta\nresource db unit db.service", 0},
	} {
		c, p := Parse("f", pair+"fence beta two level=2 "+tc.line+"\nservice db "+tc.service+"\n")
		if c == nil {
			t.Fatal(p.Errors)
		}
		if got := c.Fences[len(c.Fences)-1].Holdup; got != tc.want {
			t.Errorf("%s\n%s: %s, want %s", tc.line, tc.service, got, tc.want)
		}
		said := slices.ContainsFunc(c.offTerms("off", c.Nodes[1]), func(term Term) bool { return term.Name == "what its supply may hold" })
		if said != (c.holdup(2) > 0) {
			t.Errorf("%s\n%s: check says of it: %t", tc.line, tc.service, said)
		}
	}
}
