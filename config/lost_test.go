package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// many is a file that names each of its nodes, services and switches on several lines.
const many = good + "path ethernet cross alpha=eth1 beta=eth1\nlimit beta load=8\nlimit nodes=alpha,beta memory=512M\nresource web process /bin/sleep 1\n"

// What follows from a wrong line is not reported: who mends that line has mended all. No case may report more than is listed.
func TestAWrongLineMakesNoOtherLineWrong(t *testing.T) {
	const both = "path ethernet cross alpha=eth1 beta=eth1\n"
	for _, tc := range []struct {
		name, old, new string
		want           []string // the beginnings of all errors
	}{
		{"a capital in a node's name", "node 2 beta", "node 2 Beta", []string{`f:4: node "Beta": a name is`}},
		{"a capital in a node's name wherever it stands", "beta", "Beta", []string{`f:4: node "Beta": a name is`}},
		{"a node's name with a domain wherever it stands", "beta", "db1.example.com", []string{`f:4: node "db1.example.com": a name is`}},
		{"a node's name with a domain", "node 2 beta", "node 2 beta.example.com", []string{`f:4: node "beta.example.com": a name is`}},
		{"a delay without a unit", "tiebreak fence", "tiebreak fence delay=60", []string{"f:6: delay 60 has no unit; write 60ms, 60s or 60m"}},
		{"a limit with blanks", "limit beta load=8", "limit load = 8", []string{"f:13: limit: a word is no node; did you mean load=8?"}},
		{"a limit with one blank", "limit beta load=8", "limit load =8", []string{"f:13: limit: a word is no node; did you mean load=8?"}},
		{"a switch's port that cannot be", "url-off=http://192.0.2.50/2/off", "url-off=http://192.0.2.50:99999/2/off", []string{`f:8: fence http url-off=: "http://192.0.2.50:99999/2/off" has a port that cannot be: 99999`}},
		{"addresses in the place of interfaces", "alpha=eth1 beta=eth1", "alpha=192.0.2.1 beta=eth1", []string{"f:12: path cross: alpha=192.0.2.1 is an address"}},
		{"a node's number in letters", "node 2 beta", "node two beta", []string{`f:4: node "two" is not a number`}},
		{"a node's number out of range", "node 2 beta", "node 300 beta", []string{`f:4: node "300" is not a number from 1 to 64`}},
		{"a node's number used twice", "node 2 beta", "node 1 beta", []string{"f:4: node number 1 is used twice"}},
		{"a node's name before its number", "node 2 beta", "node beta 2", []string{"f:4: node: the number comes first; write: node 2 beta"}},
		{"a node without a number", "node 2 beta", "node beta", []string{"f:4: node: 1 word where 2 are wanted"}},
		{"a node with an unknown key", "node 2 beta", "node 2 beta vote=1", []string{`f:4: node: unknown key vote=; did you mean "votes"?`}},
		{"a node with a word too many", "node 2 beta", "node 2 beta 192.0.2.2", []string{"f:4: node: 3 words where 2 are wanted"}},
		{"a node with a quote", "node 2 beta", `node 2 "beta`, []string{"f:4: a quote is opened and not closed"}},
		{"a line that is too long", "service web nodes=alpha,beta", "service web nodes=alpha,beta" + strings.Repeat(" ", maxLine), []string{"f:9: the line has 4124 bytes; at most 4096 are read"}},
		{"a file that is too long", "cluster office", strings.Repeat("# a comment\n", maxText/12) + "cluster office", []string{"f:1: the file has "}},
		{"a mistyped node line", "node 2 beta", "nod 2 beta", []string{`f:4: unknown directive "nod"; did you mean "node"?`}},
		{"a node line without its keyword", "node 2 beta", "2 beta", []string{"f:4: the line begins with a number; a directive's keyword comes first; did you mean: node 2 beta"}},
		{"a node without a name", "node 2 beta", "node 2", []string{"f:4: node: 1 word where 2 are wanted",
			`f:5: no node is called "beta"; there are: alpha; lines 8, 9, 12, 13 and 14 say it too`}},
		{"a node with the other's name", "node 2 beta", "node 2 alpha", []string{`f:4: node name "alpha" is used twice`,
			`f:5: no node is called "beta"; there are: alpha; lines 8, 9, 12, 13 and 14 say it too`}},
		{"a node that has no line", "node 2 beta", "# node 2 beta", []string{`f:5: no node is called "beta"; there are: alpha; lines 8, 9, 12, 13 and 14 say it too`}},
		{"a node with another name than elsewhere", "node 2 beta", "node 2 bet", []string{`f:5: no node is called "beta"; did you mean "bet"? (there are: alpha, bet); lines 8, 9, 12, 13 and 14 say it too`}},
		{"a key in the place of the keyword", "key /etc/locum.key", "key=/etc/locum.key", []string{"f:2: the line begins with key=; a directive's keyword comes first"}},
		{"the keyword as a key", "cluster office", "cluster=office 1", []string{"f:1: the line begins with cluster=; a directive's keyword comes first"}},
		{"a mistyped cluster", "cluster", "clustr", []string{`f:1: unknown directive "clustr"`}},
		{"an editor's mark", "cluster", byteOrderMark + "cluster", []string{"f:1: the file begins with a byte order mark"}},
		{"a key with a quote", "key /etc", `key "/etc`, []string{"f:2: a quote is opened and not closed"}},
		{"a mistyped service", "service web", "servise web", []string{`f:9: unknown directive "servise"`}},
		{"a service with a quote", "service web", `service "web`, []string{"f:9: a quote is opened and not closed"}},
		{"a service with an error, and a resource with another", "service web nodes", "service web node", []string{`f:9: service: unknown key node=`}},
		{"a service with another name than its resources", "service web", "service wbe", []string{`f:10: resource of service "web", which has no service line; did you mean "wbe"? (there are: wbe); lines 11 and 15 say it too`}},
		{"mistyped resources", "resource web", "resorce web", []string{`f:10: unknown directive "resorce"`, "f:11: ", "f:15: "}},
		{"resources of a mistyped service", "resource web", "resource wbe", []string{`f:10: resource of service "wbe", which has no service line; did you mean "web"? (there are: web); lines 11 and 15 say it too`}},
		{"resources without their service", "resource web", "resource", []string{"f:10: resource vip: the name of its service is missing; the form is: resource SERVICE vip ",
			"f:11: resource unit: the name of its service is missing", "f:15: resource process: the name of its service is missing"}},
		{"mistyped paths", "path", "paht", []string{`f:5: unknown directive "paht"`, "f:12: "}},
		{"a mistyped tie-break", "tiebreak", "tiebrake", []string{`f:6: unknown directive "tiebrake"`}},
		{"a tie-break of a type that is not", "tiebreak fence", "tiebreak fense", []string{`f:6: tiebreak "fense" does not exist`}},
		{"a mistyped fence", "fence beta", "fense beta", []string{`f:8: unknown directive "fense"`}},
		{"a fence without its name", "fence beta pdu", "fence beta", []string{"f:8: fence: 1 word where 2 are wanted"}},
		{"a fence with its name first", "fence beta pdu", "fence pdu beta", []string{`f:8: no node is called "pdu"`}},
		{"a fence without a type", "fence beta pdu type=", "fence beta pdu tpye=", []string{"f:8: fence: type= is missing; did you mean type=http?"}},
		{"a mistyped key that a fence needs", "url-status=http://192.0.2.50/2", "url-state=http://192.0.2.50/2", []string{`f:8: fence http: unknown key url-state=; did you mean "url-status"?`}},
		{"a password in the file", "limit beta load=8", "fence beta two type=ipmi address=192.0.2.51 user=a password=b level=2", []string{"f:13: fence: no secret stands in this file; put it into a file with mode 0600 and write password-file=/path"}},
		{"a community in the file", "limit beta load=8", "fence beta two type=apc-snmp address=192.0.2.51 outlet=1 community=b level=2", []string{"f:13: fence: no secret stands in this file; put it into a file with mode 0600 and write community-file=/path"}},
		{"an agent as a type", "limit beta load=8", "fence beta two type=fence_ipmilan ip=192.0.2.51 level=2", []string{"f:13: fence: type=fence_ipmilan is a fence agent; write agent=fence_ipmilan"}},
		{"half an agent's name", "limit beta load=8", "fence beta two agent=ipmilan ip=192.0.2.51 level=2", []string{"f:13: fence: agent=ipmilan is not the name of a fence agent, fence_…; write for example agent=fence_ipmilan"}},
		{"an address without its scheme", "url-off=http://192.0.2.50/2/off", "url-off=192.0.2.50/2/off", []string{`f:8: fence http url-off=: "192.0.2.50/2/off" is not an http:// or https:// address; did you mean http://192.0.2.50/2/off?`}},
		{"a limit in words", "limit beta load=8", "limit alpha beta memory 512M", []string{"f:13: limit: a word is no node; did you mean memory=512M?"}},
		{"two paths on one port at all nodes", "limit beta load=8", "path udp two alpha=192.0.2.1 beta=192.0.2.2", []string{"f:13: path two uses 192.0.2.1 port 6694 of alpha, as path lan on line 5 does"}},
		{"a mistyped disk", "tiebreak fence", "tiebreak disk\ndsik /dev/disk/by-id/x", []string{`f:7: unknown directive "dsik"`}},
		{"a mistyped service that another is with", "resource web vip", "servise db nodes=alpha\nservice mail nodes=alpha with=db\nresource mail unit mail.service\nresource web vip", []string{`f:10: unknown directive "servise"`}},
		{"two names that no node has", "path ethernet cross", "service db nodes=gamma,delta\nresource db unit db.service\n" + both + "# ", []string{`f:12: no node is called "gamma"`, `f:12: no node is called "delta"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(many, tc.old) {
				t.Fatalf("the file has no %q", tc.old)
			}
			c, p := Parse("f", strings.ReplaceAll(many, tc.old, tc.new))
			same := slices.EqualFunc(p.Errors, tc.want, func(got Problem, want string) bool { return strings.HasPrefix(got.String(), want) })
			if c != nil || !same {
				t.Errorf("got\n%v\nwant\n%s", p, strings.Join(tc.want, "\n"))
			}
		})
	}
}

// A wrong line hides what follows from it, and no mistake of another line.
func TestAWrongLineHidesNoOtherMistake(t *testing.T) {
	for _, tc := range []struct{ name, old, new, more, want string }{
		{"a resource of a wrong service", "service web nodes", "service web node", "resource web vip 192.0.2.101\n", `f:16: resource vip: "192.0.2.101" is not an address with its prefix length`},
		{"a name that a wrong node line does not have", "node 2 beta", "nod 2 beta", "service db nodes=alpha,gamma\nresource db unit db.service\n", `f:16: no node is called "gamma"`},
		{"a path without a node whose line is wrong", "node 2 beta", "node two beta", "path ethernet third alpha=eth2\n", "f:16: path third has no interface for beta"},
		{"a node without a fence, beside one", "tiebreak fence", "node 3 gamma\ntiebreak fence", "", "f:7: tiebreak fence, but gamma has no fence line"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, p := Parse("f", strings.Replace(many, tc.old, tc.new, 1)+tc.more)
			if !strings.Contains(p.Error(), tc.want) {
				t.Errorf("got\n%v\nwant %s", p, tc.want)
			}
		})
	}
}

// What is missing may be what a wrong line was to say, so the file as a whole is not warned of while it has errors.
func TestAFileWithErrorsIsNotWarnedOfAsAWhole(t *testing.T) {
	whole := func(text string) (list []string) {
		_, p := Parse("f", text)
		for _, w := range p.Warnings {
			list = append(list, w.String())
		}
		return list
	}
	if list := whole(many); !slices.Contains(list, "f: no watchdog line: self-fencing is best effort") {
		t.Fatalf("a good file: %q", list)
	}
	if list := whole(many + "watchdgo /dev/watchdog\n"); len(list) != 0 {
		t.Errorf("a file whose watchdog line is mistyped: %q", list)
	}
}

func TestACommandInQuotesIsWarnedOf(t *testing.T) {
	_, p := Parse("f", good+"resource web process \"/bin/sleep 5\"\n")
	if want := `f:12: resource process: "/bin/sleep 5" is the name of one file, with a blank in it; a command's words stand by themselves, without quotes: process /bin/sleep 5`; len(p.Errors) > 0 ||
		!slices.ContainsFunc(p.Warnings, func(w Problem) bool { return w.String() == want }) {
		t.Errorf("errors %v, warnings %v", p.Errors, p.Warnings)
	}
}

func TestAWordTooManySaysWhatWasProbablyMeant(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{"dev=eth0", "dev eth0", "f:10: resource vip: 3 words where 1 is wanted; did you mean dev=eth0?; the form is: resource SERVICE vip ADDRESS/PREFIX [dev=INTERFACE]"},
		{"dev=eth0", "Dev=eth0", "f:10: resource vip: 2 words where 1 is wanted; for Dev=eth0, did you mean dev=eth0?"},
		{"dev=eth0", "dev= eth0", "f:10: resource vip: 2 words where 1 is wanted; no blank may stand after dev=;"},
		{"nodes=alpha,beta", "nodes=alpha, beta", "f:9: service: 2 words where 1 is wanted; no blank may stand after nodes=alpha,;"},
		{"beta=192.0.2.2", "Beta=192.0.2.2", "f:5: path: 3 words where 2 are wanted; for Beta=192.0.2.2, did you mean beta=192.0.2.2?"},
		{"beta=192.0.2.2", "beta:192.0.2.2", "f:5: path: 3 words where 2 are wanted; for beta:192.0.2.2, did you mean beta=192.0.2.2?"},
		{"beta=192.0.2.2", "beta 192.0.2.2", "f:5: path: 4 words where 2 are wanted; did you mean beta=192.0.2.2?"},
		{"beta=192.0.2.2", "beta=192.0.2.2/24", "f:5: path lan: beta=192.0.2.2/24 is not an address of one host; write it without the length of its prefix: beta=192.0.2.2"},
		{"beta=192.0.2.2", "beta=192.0.2.2:6700", "; the port is the same for all and has a key of its own: beta=192.0.2.2 port=6700"},
		{"beta=192.0.2.2", "beta=beta.example.com", "; no name is looked up, since the server that knows it may be gone when it is needed: write the address"},
	} {
		_, p := Parse("f", strings.Replace(good, tc.old, tc.new, 1))
		if len(p.Errors) != 1 || !strings.Contains(fmt.Sprint(p), tc.want) {
			t.Errorf("%s: got\n%v\nwant only %s", tc.new, p, tc.want)
		}
	}
}

func TestANameThatAnAdapterMayLoseIsWarnedOf(t *testing.T) {
	for device, want := range map[string]bool{"/dev/ttyUSB0": true, "/dev/ttyACM1": true, "/dev/ttyS0": false, "/dev/serial/by-id/usb-FTDI-if00": false} {
		_, p := Parse("f", good+"path serial null alpha="+device+" beta=/dev/ttyS0\n")
		if len(p.Errors) > 0 || warned(p, "alpha="+device+": an adapter gets another such name") != want {
			t.Errorf("%s: %v %v", device, p.Errors, p.Warnings)
		}
	}
}
