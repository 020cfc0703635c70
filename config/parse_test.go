package config

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const good = `cluster office
key /etc/locum.key
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
tiebreak fence
fence alpha pdu type=http url-off=http://192.0.2.50/1/off url-status=http://192.0.2.50/1
fence beta pdu type=http url-off=http://192.0.2.50/2/off url-status=http://192.0.2.50/2
service web nodes=alpha,beta
resource web vip 192.0.2.100/24 dev=eth0
resource web unit nginx.service
`

func TestTheSampleThatShipsParses(t *testing.T) {
	text, err := os.ReadFile("../packaging/locum.conf")
	if err != nil {
		t.Fatal(err)
	}
	if _, p := Parse("packaging/locum.conf", string(text)); len(p.Errors) > 0 {
		t.Error(p)
	}
}

func TestDefaultsSuffice(t *testing.T) {
	c, p := Parse("f", good)
	if c == nil {
		t.Fatal(p)
	}
	if c.Beat.Every != 100*time.Millisecond || c.Beat.Dead != time.Second || c.Lease != 8*time.Second || !c.Quorum.Dynamic {
		t.Errorf("defaults: %+v, lease %s, %+v", c.Beat, c.Lease, c.Quorum)
	}
	if d := c.Tiebreaks[0].Delay; d <= c.FenceTime(1) {
		t.Errorf("the default delay %s is not longer than the fence's worst time %s", d, c.FenceTime(1))
	}
	if len(c.Services[0].Resources) != 2 || c.Services[0].Resources[1].Type != "unit" {
		t.Errorf("resources: %+v", c.Services[0].Resources)
	}
}

// Each mistake: a line put in place of another (or added), and what the error has to say, with its place.
func TestEachMistakeIsNamedWithItsPlaceAndItsMend(t *testing.T) {
	for _, tc := range []struct{ name, old, new, want string }{
		{"an unknown word", "", "servise x", `f:12: unknown directive "servise"; did you mean "service"?`},
		{"an editor's mark at the beginning", "cluster office", "\ufeffcluster office", "f:1: the file begins with a byte order mark"},
		{"a service line with an error", "service web nodes", "service web node", `f:9: service: unknown key node=; did you mean "nodes"?`},
		{"a service of two words", "service web nodes=", "service web site nodes=", "service: 2 words where 1 is wanted; the form is: service NAME"},
		{"a node without its number", "node 2 beta", "node beta", "node: 1 word where 2 are wanted; the form is: node NUMBER NAME"},
		{"a mistyped tie-break", "tiebreak fence", "tiebreak fense", `tiebreak "fense" does not exist; did you mean "fence"?`},
		{"a mistyped fence type", "fence beta pdu type=http", "fence beta pdu type=htp", `fence type "htp" does not exist; did you mean "http"?`},
		{"a directive that comes later", "", "place spread", `f:12: "place" does not exist yet`},
		{"two disks", "", "disk /dev/sdb\ndisk /dev/sdc", "f:13: 2 disks: a majority of them decides, so there is one, or there are three"},
		{"a disk that stands twice", "", "disk /dev/sdb\ndisk /dev/sdb\ndisk /dev/sdc", "f:13: disk /dev/sdb stands on line 12 already"},
		{"disks of different pace", "", "disk /dev/sdb\ndisk /dev/sdc every=2s dead=6s\ndisk /dev/sdd", "f:13: every=2s dead=6s differ from those of line 12, every=1s dead=5s"},
		{"a disk without a path", "", "disk sdb", `f:12: disk "sdb" is no absolute path`},
		{"a short dead of a disk", "", "disk /dev/sdb every=2s dead=5s", "f:12: dead=5s is less than three times every=2s"},
		{"a tie-break without its disk", "tiebreak fence", "tiebreak disk", "f:6: tiebreak disk, but there is no disk line"},
		{"a lease shorter than a claim", "tiebreak fence", "tiebreak disk\ndisk /dev/sdb\nlease 4s", "f:8: lease 4s: half of it must be longer than dead=1s, the rounds of a view and a claim on the disk (1s) and every=1s of the disk"},
		{"a missing cluster", "cluster office", "", "f: no cluster line"},
		{"a missing key", "key /etc/locum.key", "", "f: no key line; run locum keygen"},
		{"a relative key file", "key /etc/locum.key", "key locum.key", `f:2: key "locum.key" is not an absolute path`},
		{"a node number used twice", "node 2 beta", "node 1 beta", "f:4: node number 1 is used twice; it is alpha's on line 3"},
		{"a node name used twice", "node 2 beta", "node 2 alpha", `f:4: node name "alpha" is used twice; it is on line 3 already`},
		{"a node number out of range", "node 2 beta", "node 65 beta", `f:4: node "65" is not a number from 1 to 64`},
		{"a bad node name", "node 2 beta", "node 2 Beta!", `f:4: node "Beta!": a name is`},
		{"a missing node on a path", "beta=192.0.2.2", "", "f:5: path lan has no address for beta"},
		{"an address used twice on a path", "beta=192.0.2.2", "beta=192.0.2.1", "f:5: path lan: 192.0.2.1 is the address of alpha and of beta"},
		{"a path with both families", "beta=192.0.2.2", "beta=2001:db8::2", "f:5: path lan mixes IPv4 and IPv6"},
		{"a path type that does not exist", "path udp lan", "path pigeon null", `f:5: path type "pigeon" does not exist; there are: ethernet, serial, udp`},
		{"a path without an interface", "", "path ethernet cross alpha=eth1", "f:12: path cross has no interface for beta; add beta=INTERFACE"},
		{"an address for an interface", "", "path ethernet cross alpha=eth1 beta=2001:db8::1", "f:12: path cross: beta=2001:db8::1 is not an interface's name"},
		{"a loopback address on a path", "", "path udp cross alpha=127.0.0.1 beta=192.0.2.12", "f:12: path cross: alpha=127.0.0.1 is an address of every machine itself"},
		{"the loopback interface on a path", "", "path ethernet cross alpha=lo beta=eth1", "f:12: path cross: alpha=lo leads to no other machine"},
		{"an EtherType that is a length", "", "path ethernet cross alpha=eth1 beta=eth1 ethertype=100", "f:12: ethertype=100 is not a number from 0x600 to 0xffff"},
		{"the EtherType of IPv4", "", "path ethernet cross alpha=eth1 beta=eth1 ethertype=0x800", "f:12: ethertype=0x800 is that of IPv4"},
		{"a port of an ethernet path", "", "path ethernet cross alpha=eth1 beta=eth1 port=1", "f:12: path: unknown key port="},
		{"two paths on one interface", "", "path ethernet cross alpha=eth1 beta=eth1\npath ethernet other alpha=eth1 beta=eth2", "f:13: path other uses eth1 of alpha, as path cross on line 12 does"},
		{"two paths on one port", "", "path udp two alpha=192.0.2.1 beta=192.0.2.2", "f:12: path two uses 192.0.2.1 port 6694 of alpha, as path lan on line 5 does"},
		{"a node nobody knows on a path", "beta=192.0.2.2", "beta=192.0.2.2 gama=192.0.2.3", "f:5: path: unknown key gama=;"},
		{"a short dead", "", "beat every=100ms dead=250ms", "f:12: dead=250ms is less than three times every=100ms"},
		{"a duration without a unit", "", "beat every=100 dead=1s", "f:12: every 100 has no unit; write 100ms"},
		{"a directive that stands twice", "", "cluster other", "f:12: cluster stands twice; it is on line 1 already"},
		{"a key that stands twice", "", "beat every=10ms every=20ms", "f:12: beat: every= stands twice"},
		{"nothing to break a tie", "tiebreak fence", "", "f: two nodes and nothing to break a tie"},
		{"a tie-break that comes later", "tiebreak fence", "tiebreak gateway 192.0.2.1", `f:6: tiebreak "gateway" does not exist; there are: disk, fence, unsafe`},
		{"a delay shorter than the fence", "tiebreak fence", "tiebreak fence delay=5s", "f:6: delay=5s: the side that shoots second must wait longer than the first may take, 40s"},
		{"a fence missing for a node", "fence beta", "#", "f:6: tiebreak fence, but beta has no fence line"},
		{"a fence of an unknown node", "fence beta", "fence gamma", `f:8: no node is called "gamma"`},
		{"a fence type that does not exist", "fence beta pdu type=http", "fence beta pdu type=smoke", `f:8: fence type "smoke" does not exist; there are: apc-snmp`},
		{"a fence without its address", "url-off=http://192.0.2.50/2/off", "", "f:8: fence http: url-off= is missing"},
		{"an address that cannot be", "url-off=http://192.0.2.50/2/off", "url-off=http://192.0.2.500/2/off", `f:8: fence http url-off=: "http://192.0.2.500/2/off" has no host that can be: "192.0.2.500"`},
		{"a device's address that cannot be", "", "fence beta two type=ipmi address=192.0.2.300 user=a password-file=/p", `f:12: fence ipmi address=: "192.0.2.300" is not a host`},
		{"a device at no host", "", "fence beta two type=ipmi address=0.0.0.0 user=a password-file=/p", `f:12: fence ipmi address=: "0.0.0.0" is not a host`},
		{"a device at a group", "", "fence beta two type=netio address=239.0.0.1:80", `f:12: fence netio address=: "239.0.0.1:80" is not a host`},
		{"a device at the node itself", "", "fence beta two type=ipmi address=192.0.2.2 user=a password-file=/p level=2", "f:12: fence two: 192.0.2.2 is beta's own address, on path lan: nothing there confirms that it is off"},
		{"a page at the node itself", "url-off=http://192.0.2.50/2/off", "url-off=http://192.0.2.2:8080/2/off", "f:8: fence pdu: 192.0.2.2 is beta's own address"},
		{"a password in the file", "", "fence beta two agent=fence_x password=secret", "f:12: fence: no secret stands in this file; put it into a file with mode 0600 and write password-file=/path"},
		{"a password in an address", "url-off=http://192.0.2.50/2/off", "url-off=http://u:p@192.0.2.50/2/off", "f:8: fence http url-off=: no password stands in this file"},
		{"a service without nodes", "service web nodes=alpha,beta", "service web", "f:9: service web has no nodes"},
		{"a service on an unknown node", "nodes=alpha,beta", "nodes=alpha,betta", `f:9: no node is called "betta"; did you mean "beta"?`},
		{"a service without a resource", "", "service db nodes=alpha", "f:12: service db has no resource"},
		{"a resource without a service", "", "resource wbe unit x.service", `f:12: resource of service "wbe", which has no service line; did you mean "web"?`},
		{"a resource type that does not exist", "", "resource web mount /dev/x", `f:12: resource type "mount" does not exist; there are: process, script, unit, vip`},
		{"a misspelt resource key", "dev=eth0", "device=eth0", "f:10: resource vip: unknown key device=;"},
		{"an address without a prefix", "192.0.2.100/24", "192.0.2.100", `f:10: resource vip: "192.0.2.100" is not an address with its prefix length`},
		{"an address used twice", "", "resource web vip 192.0.2.100/24", "f:12: address 192.0.2.100 is used twice; it is on line 10 already"},
		{"a unit in two resources", "", "service db nodes=alpha\nresource db unit nginx.service", "f:13: unit nginx.service stands on line 11 already"},
		{"two processes of one name", "", "resource web process /bin/sleep 1\nresource web process /usr/bin/sleep 2", `f:13: process "web-sleep" stands on line 12 already; locum tells processes apart by SERVICE-NAME; give each a name: name=…`},
		{"processes of two services that come to one name", "", "service web-api nodes=alpha\nresource web process /bin/api-x\nresource web-api process /bin/x", `f:14: process "web-api-x" stands on line 13 already`},
		{"a subnet in place of an address", "", "resource web vip 192.0.2.0/24 dev=eth0", "is the first or last address of its subnet"},
		{"an address of every machine's own", "", "resource web vip 127.0.0.5/8 dev=lo", "not an address that one machine can have"},
		{"a node's own address as service address", "192.0.2.100/24", "192.0.2.1/24", "f:10: address 192.0.2.1 is alpha's own, on path lan"},
		{"a unit without its ending", "nginx.service", "nginx", `f:11: resource unit: "nginx" is not a unit's name`},
		{"a lease that is too short", "", "lease 2s", "f:12: lease 2s: half of it must be longer than dead=1s"},
		{"neither yes nor no", "", "quorum dynamic=maybe", "f:12: dynamic=maybe is neither yes nor no"},
		{"a quote that is not closed", "", `service "web`, "f:12: a quote is opened and not closed"},
		{"a key first", "", "a=b cluster", ""},
		{"a control character", "", "service web\x01", "f:12: a control character (0x01)"},
		{"restarts without a time", "nodes=alpha,beta", "nodes=alpha,beta restarts=3", "f:9: restarts=3: write how often and within what time"},
		{"a watchdog that is no path", "", "watchdog dev/watchdog", `f:12: watchdog "dev/watchdog" is neither an absolute path nor the word reboot`},
		{"a watchdog without its device", "", "watchdog timeout=10s", "f:12: watchdog"},
		{"a group", "", "path udp many alpha=192.0.2.1 beta=192.0.2.2 port=6700 multicast=239.192.0.66", ""},
		{"a broadcast", "", "path udp many alpha=192.0.2.1 beta=192.0.2.2 port=6700 broadcast=192.0.2.255", ""},
		{"a group and a broadcast", "", "path udp many alpha=192.0.2.1 beta=192.0.2.2 port=6700 multicast=239.192.0.66 broadcast=192.0.2.255",
			"f:12: path many has multicast= and broadcast=; one of them is enough"},
		{"a group that is none", "", "path udp many alpha=192.0.2.1 beta=192.0.2.2 port=6700 multicast=192.0.2.255", "f:12: path many: multicast=192.0.2.255 is not from 224.0.0.0"},
		{"a group that is no address", "", "path udp many alpha=192.0.2.1 beta=192.0.2.2 port=6700 multicast=yes", "f:12: path many: multicast=yes is no address"},
		{"a broadcast to every network", "", "path udp many alpha=192.0.2.1 beta=192.0.2.2 port=6700 broadcast=255.255.255.255", "is not the broadcast address of one network"},
		{"a node's address as broadcast", "", "path udp many alpha=192.0.2.1 beta=192.0.2.2 port=6700 broadcast=192.0.2.2", "f:12: path many: broadcast=192.0.2.2 does not go with beta=192.0.2.2"},
		{"a group for IPv6", "", "path udp many alpha=2001:db8::1 beta=2001:db8::2 multicast=ff02::66", "f:12: path many: multicast=ff02::66: only an IPv4 path"},
		{"an IPv4 group for IPv6 nodes", "", "path udp many alpha=2001:db8::1 beta=2001:db8::2 multicast=239.192.0.66", "does not go with alpha=2001:db8::1"},
		{"two paths on one group", "", "path udp many alpha=192.0.2.1 beta=192.0.2.2 port=6700 multicast=239.192.0.66\npath udp more alpha=192.0.2.11 beta=192.0.2.12 port=6700 multicast=239.192.0.66",
			"f:13: path more sends to 239.192.0.66 port 6700, as path many on line 12 does, and each would hear the other"},
		{"an Ethernet group", "", "path ethernet cross alpha=eth1 beta=eth1 multicast=yes", ""},
		{"an Ethernet group that is an address", "", "path ethernet cross alpha=eth1 beta=eth1 multicast=239.192.0.66", "f:12: path cross: multicast=239.192.0.66: write multicast=yes"},
		{"a serial path", "", "path serial null alpha=/dev/ttyS0 beta=/dev/ttyS0 baud=115200 rtscts=yes", ""},
		{"a serial path without a node", "", "path serial null alpha=/dev/ttyS0", "f:12: path null has no device for beta; add beta=/dev/ttyS0"},
		{"a serial path with no device", "", "path serial null alpha=ttyS0 beta=/dev/ttyS0", `f:12: path null: alpha=ttyS0: "ttyS0" is not a device`},
		{"an unusual rate", "", "path serial null alpha=/dev/ttyS0 beta=/dev/ttyS0 baud=12345", "f:12: path null: baud=12345 is no usual rate; there are: 9600, 19200"},
		{"flow control that is neither", "", "path serial null alpha=/dev/ttyS0 beta=/dev/ttyS0 rtscts=1", "f:12: path null: rtscts=1: write rtscts=yes, or leave it out"},
		{"a port twice in a node", "", "path serial null alpha=/dev/ttyS0,/dev/ttyS0 beta=/dev/ttyS0", "f:12: path null: alpha has port /dev/ttyS0 twice"},
		{"three ports", "", "path serial null alpha=/dev/ttyS0,/dev/ttyS1,/dev/ttyS2 beta=/dev/ttyS0", "f:12: path null: alpha="},
		{"a port of two paths", "", "path serial one alpha=/dev/ttyS0 beta=/dev/ttyS0\npath serial two alpha=/dev/ttyS0 beta=/dev/ttyS1",
			"f:13: path two uses /dev/ttyS0 of alpha, as path one on line 12 does"},
		{"a path name twice", "", "path serial lan alpha=/dev/ttyS0 beta=/dev/ttyS0", `f:12: path name "lan" is used twice`},
		{"a ring with one port", "", "node 3 gamma\npath serial ring alpha=/dev/ttyS0 beta=/dev/ttyS0,/dev/ttyS1 gamma=/dev/ttyS0,/dev/ttyS1",
			"f:13: path ring: alpha has one port; more than two nodes form a ring"},
		{"beats too fast for a line", "", "beat every=20ms dead=1s\npath serial null alpha=/dev/ttyS0 beta=/dev/ttyS0 baud=19200",
			"path null: beats every 20ms take"},
		{"a watchdog's time without a unit", "", "watchdog /dev/watchdog timeout=10", "f:12: timeout 10 has no unit"},
		{"a watchdog's time in parts of a second", "", "watchdog /dev/watchdog timeout=2500ms", "f:12: timeout=2500ms: a watchdog counts in whole seconds; write timeout=3s"},
		{"a watchdog's time out of range", "", "watchdog /dev/watchdog timeout=1s", "f:12: timeout 1s is out of range; it may be 2s to 5m0s"},
		{"a time for a reboot", "", "watchdog reboot timeout=5s", "f:12: watchdog reboot has no timeout=: it is no device that counts"},
		{"a second watchdog", "", "watchdog reboot\nwatchdog /dev/watchdog", "f:13: watchdog"},
		{"an unknown key of a watchdog", "", "watchdog /dev/watchdog time=10s", "f:12: "},
		{"a watchdog of the service's lease only", "", "watchdog /dev/watchdog timeout=10s", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := good + tc.new + "\n"
			if tc.old != "" {
				text = strings.Replace(good, tc.old, tc.new, 1)
			}
			c, p := Parse("f", text)
			if tc.want != "" && (c != nil || !strings.Contains(p.Error(), tc.want)) {
				t.Errorf("got %v, want %s", p.Errors, tc.want)
			}
		})
	}
}

// Each node may switch the other's outlet, and a name is looked up when the device is asked.
func TestADeviceMayBeAtTheOtherNodeOrHaveAName(t *testing.T) {
	for _, address := range []string{"192.0.2.1", "[2001:db8::50]:80", "2001:db8::50", "pdu2.example.com", "pdu2.example.com:8080", "pdu2", "127.0.0.1:8080"} {
		if _, p := Parse("f", good+"fence beta two type=netio address="+address+" level=2\n"); len(p.Errors) > 0 {
			t.Errorf("address=%s: %v", address, p)
		}
	}
}

func TestAllErrorsAreReportedAtOnce(t *testing.T) {
	_, p := Parse("f", "cluster A!\nnode 0 x\nbeat every=1\nfoo\n")
	for _, want := range []string{"f:1:", "f:2:", "f:3:", "f:4:", "no key line", "no service line"} {
		if !strings.Contains(p.Error(), want) {
			t.Errorf("%q is missing in\n%s", want, p)
		}
	}
}

func TestTheGrammarReadsWords(t *testing.T) {
	words, keys, err := split(`resource web process "/a b" x=1 "y=2" /c="d" name="a \"b\\" # rest`)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(words, "|"); got != `resource|web|process|/a b|y=2|/c=d` {
		t.Errorf("words %s", got)
	}
	if len(keys) != 2 || keys[0] != (pair{"x", "1"}) || keys[1] != (pair{"name", `a "b\`}) {
		t.Errorf("keys %+v", keys)
	}
}

func TestSpacingAndCommentsDoNotChangeTheFingerprint(t *testing.T) {
	a, _ := Parse("f", good)
	b, _ := Parse("f", "# comment\n\n"+strings.ReplaceAll(good, " ", "   "))
	c, _ := Parse("f", strings.Replace(good, "nginx", "apache2", 1))
	if a.Fingerprint() != b.Fingerprint() || a.Fingerprint() == c.Fingerprint() {
		t.Error("fingerprints do not follow the meaning")
	}
	if got := Diff(a.Text, c.Text); len(got) != 2 || got[0] != "- resource web unit nginx.service" || got[1] != "+ resource web unit apache2.service" {
		t.Errorf("diff %q", got)
	}
}

// An edit that only sets quotes changes what runs, and has to be told from none.
func TestAQuoteThatMakesOneWordOfTwoIsADifference(t *testing.T) {
	for _, tc := range []struct{ name, a, b string }{
		{"a blank", `resource web process /bin/echo a b`, `resource web process /bin/echo "a b"`},
		{"a blank in a value", `resource web process /bin/echo x name=a`, `resource web process /bin/echo name="a x"`},
		{"a word like a key", `resource web process /bin/echo name=a`, `resource web process /bin/echo "name=a"`},
		{"nothing as a word", `resource web process /bin/echo`, `resource web process /bin/echo ""`},
	} {
		a, p := Parse("f", good+tc.a+"\n")
		b, q := Parse("f", good+tc.b+"\n")
		if a == nil || b == nil {
			t.Fatal(p, q)
		}
		if got, want := Diff(a.Text, b.Text), []string{"- " + tc.a, "+ " + tc.b}; a.SaysTheSame(b) || !a.SaysTheSame(a) || !slices.Equal(got, want) {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
	a, _ := Parse("f", good)
	b, _ := Parse("f", "# comment\n\n"+strings.ReplaceAll(good, " ", "   "))
	if !a.SaysTheSame(b) || len(Diff(a.Text, b.Text)) != 0 {
		t.Errorf("spacing and comments: %q", Diff(a.Text, b.Text))
	}
}

func TestTheSameLinesInAnotherOrderAreADifference(t *testing.T) {
	a, _ := Parse("f", good+"resource web unit a.service\nresource web unit b.service\n")
	b, _ := Parse("f", good+"resource web unit b.service\nresource web unit a.service\n")
	if got := Diff(a.Text, b.Text); a.SaysTheSame(b) || !slices.Equal(got, []string{"(the same lines in another order)"}) {
		t.Errorf("%q", got)
	}
}

func TestAWordThatIsNotUTF8IsRefused(t *testing.T) {
	for line, want := range map[string]string{"resource web process /srv/b\xfcro/run": `f:12: "/srv/b\xfcro/run" is not UTF-8`, "resource web process /srv/run name=\"b\xfcro\"": `f:12: "b\xfcro" is not UTF-8`,
		"# ein B\xfcro": "", "resource web process /srv/büro/run": ""} {
		if _, p := Parse("f", good+line+"\n"); (want == "") != (len(p.Errors) == 0) || !strings.Contains(p.Error(), want) {
			t.Errorf("%q: %v", line, p)
		}
	}
}

// A hint that is followed gives a good line.
func TestWhatIsSaidOfANumberWithoutItsUnitCanBeWritten(t *testing.T) {
	for line, want := range map[string]string{"beat dead=2": "dead 2 has no unit; write 2s or 2m", "beat dead=1.5": "write 1.5s or 1.5m", "beat dead=inf": "is not a duration; write for example", "beat dead=nan": "is not a duration",
		"beat dead=-5": "is not a duration", "beat dead=1e3": "is not a duration", "limit memory=512": "write 512M or 512G", "limit memory=1.5": `"1.5" is not a size; write for example 512M`,
		"limit memory=inf": "is not a size", "limit memory=-5": "is not a size"} {
		if _, p := Parse("f", good+line+"\n"); len(p.Errors) != 1 || !strings.Contains(p.Error(), want) {
			t.Errorf("%s: %v", line, p)
		}
	}
}

func TestWhatTheKernelOrSystemdTakesForNoNameIsRefused(t *testing.T) {
	for line, want := range map[string]string{
		"resource web vip 192.0.2.101/24 dev=eth0:1":                              `"eth0:1" is not an interface's name`,
		"resource web vip 192.0.2.101/24 dev=..":                                  `".." is not an interface's name`,
		"resource web vip 192.0.2.101/24 dev=br-lan.7":                            "",
		"resource web unit nginx":                                                 `"nginx" is not a unit's name`,
		"resource web unit nginx.conf":                                            `"nginx.conf" is not a unit's name`,
		"resource web unit .service":                                              `".service" is not a unit's name`,
		"resource web unit nginx@.service":                                        `"nginx@.service" is a template, which does not run; write one of its instances: nginx@NAME.service`,
		"resource web unit nginx@a.service":                                       "",
		"resource web unit srv-web.mount":                                         "",
		"fence beta two type=rps10 device=/dev/ttyS9 outlet=1 baud=12345 level=2": "fence rps10: baud=12345: there are 9600, 19200,",
		"fence beta two type=rps10 device=/dev/ttyS9 outlet=1 baud=19200 level=2": "",
	} {
		if _, p := Parse("f", good+line+"\n"); (want == "") != (len(p.Errors) == 0) || !strings.Contains(p.Error(), want) {
			t.Errorf("%s: %v", line, p)
		}
	}
}

func TestWhatAFileMeansNamesProofAndTerms(t *testing.T) {
	c, _ := Parse("f", good)
	rows := c.Explain()
	if len(rows) != 5 || rows[0].Proof != "power confirmed off" {
		t.Fatalf("%+v", rows)
	}
	var b strings.Builder
	WriteExplain(&b, rows)
	for _, want := range []string{"when alpha dies", "1000 dead", "41000 delay", "40000 off and confirmation", "proof: power confirmed off", "when path lan is lost",
		"when alpha dies together with the switch at 192.0.2.50"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("cluster \"a\\\"b\"\nnode 1 a=\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, p := Parse("f", text)
		if (c == nil) != (len(p.Errors) > 0) {
			t.Fatal("a Config with errors, or none without")
		}
		if c == nil {
			return
		}
		again, _ := Parse("f", c.Text)
		if again == nil || again.Fingerprint() != c.Fingerprint() {
			t.Fatal("it does not parse again")
		}
	})
}
