package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"locum/wire"
)

func TestALimitLineGivesALimitForEachOfItsKeys(t *testing.T) {
	c, p := Parse("f", good+"limit load=8.5 memory=512M disk=/srv/a:b:1500M cpu-pressure=60% link=eth1 gateway=192.0.2.1,2001:db8::1 for=5s\nlimit beta io-pressure=40\nlimit nodes=alpha,beta memory-pressure=20\n")
	if c == nil {
		t.Fatal(p)
	}
	var got []string
	for _, l := range c.Limits {
		got = append(got, fmt.Sprint(l.Name(), " ", l.Bound, l.Nodes))
	}
	want := []string{"load=8.5 for=5s 850 [1 2]", "cpu-pressure=60 for=5s 6000 [1 2]", "memory=512M for=5s 536870912 [1 2]", "disk=/srv/a:b:1500M for=5s 1572864000 [1 2]",
		"gateway=192.0.2.1,2001:db8::1 for=5s 1 [1 2]", "link=eth1 for=5s 1 [1 2]", "io-pressure=40 for=30s 4000 [2]", "memory-pressure=20 for=30s 2000 [1 2]"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if io := c.Limits[6]; io.About(1) || !io.About(2) {
		t.Errorf("io-pressure is about %v", io.Nodes)
	}
}

func TestEachMistakeInALimitIsNamed(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"nothing limited", "limit for=5s", "f:12: limit names nothing that is limited; the form is: limit [NODE…] [load=8]"},
		{"an unknown key", "limit lod=8", `f:12: limit: unknown key lod=; did you mean "load"?`},
		{"an unknown node", "limit gamma load=8", `f:12: no node is called "gamma"`},
		{"an unknown node in nodes=", "limit nodes=alpha,gamma load=8", `f:12: no node is called "gamma"`},
		{"a node twice", "limit alpha alpha load=8", "f:12: limit names node alpha twice"},
		{"nodes in both ways", "limit alpha nodes=beta load=8", "f:12: limit: nodes= and alpha: name the nodes once"},
		{"a load that is none", "limit load=much", "f:12: load=much is not a load from 0.1 to 10000"},
		{"a load that is no number at all", "limit load=NaN", "f:12: load=NaN is not a load"},
		{"a load of nothing", "limit load=0", "f:12: load=0 is not a load"},
		{"a pressure above the whole", "limit io-pressure=140", "f:12: io-pressure=140 is not a share of the time from 1 to 99 (percent)"},
		{"a pressure that nothing can be above", "limit cpu-pressure=100%", "f:12: cpu-pressure=100% is not a share"},
		{"memory without a unit", "limit memory=512", "f:12: memory: 512 has no unit; write 512M or 512G"},
		{"memory in another unit", "limit memory=512MB", `f:12: memory: "512MB" is not a size; write for example 512M, 2G`},
		{"memory of hardly anything", "limit memory=1K", "f:12: memory: 1K is less than 1M"},
		{"memory of far too much", "limit memory=9999999T", "f:12: memory: 9999999T is too large; at most 1024T"},
		{"a disk without a size", "limit disk=/var", "f:12: disk=/var: write the path and how much has to be free there"},
		{"a disk of a relative path", "limit disk=var:1G", `f:12: disk "var" is not an absolute path`},
		{"a gateway by name", "limit gateway=router", `f:12: gateway: "router" is not the address of another host`},
		{"a gateway here", "limit gateway=127.0.0.1", `f:12: gateway: "127.0.0.1" is not the address of another host`},
		{"a gateway twice", "limit gateway=192.0.2.1,192.0.2.1", "f:12: gateway: 192.0.2.1 stands twice"},
		{"a gateway on no interface", "limit gateway=fe80::1", "f:12: gateway: fe80::1 is the same on every interface; write fe80::1%INTERFACE"},
		{"a link that is none", "limit link=lo", "f:12: link=lo is not the name of an interface that has a cable"},
		{"a time that is too short", "limit load=8 for=10ms", "f:12: for 10ms is out of range; it may be 1s to 1h0m0s"},
		{"the same twice", "limit load=8\nlimit alpha load=8", "f:13: limit load=8 for=30s stands on line 12 already"},
		{"too many", manyLimits(), "f:76: more than 64 limits"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, p := Parse("f", good+tc.line+"\n")
			if c != nil || !strings.Contains(p.Error(), tc.want) {
				t.Errorf("want %q in\n%s", tc.want, p)
			}
		})
	}
}

func manyLimits() string {
	var b strings.Builder
	for i := range MaxLimits + 1 {
		fmt.Fprintf(&b, "limit load=%d\n", i+1)
	}
	return b.String()
}

func TestANodeWhoseNameIsThatOfALimitIsNamed(t *testing.T) {
	c, p := Parse("f", strings.ReplaceAll(good, "alpha", "gateway")+"limit gateway beta load=8\n")
	if c == nil || !slices.Equal(c.Limits[0].Nodes, []wire.Node{1, 2}) {
		t.Error(p)
	}
}

func TestALimitIsSaidInWords(t *testing.T) {
	c, p := Parse("f", good+"limit load=8 memory=512M disk=/var:1G io-pressure=40 gateway=192.0.2.1 link=eth1\nlimit gateway=192.0.2.1,192.0.2.3 for=5s\n")
	if c == nil {
		t.Fatal(p)
	}
	at := map[LimitKind]int64{LimitLoad: 930, LimitMemory: 300 << 20, LimitDisk: 1 << 20, LimitIOPressure: 6150}
	var got []string
	for _, l := range c.Limits {
		got = append(got, l.Words(at[l.Kind]))
	}
	got = append(got, c.Limits[4].Words(1), c.Limits[6].Words(1))
	want := []string{"load 9.3, limit 8, for 30s", "io-pressure 61.5 %, limit 40 %, for 30s", "memory 300M available, limit 512M, for 30s", "1M free for /var, limit 1G, for 30s",
		"gateway 192.0.2.1 does not answer, for 30s", "link eth1 down, for 30s", "none of the gateways 192.0.2.1, 192.0.2.3 answers, for 5s",
		"gateway 192.0.2.1 answers, for 30s", "one of the gateways 192.0.2.1, 192.0.2.3 answers, for 5s"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1023: "1023", 1536: "1.5K", 300 << 20: "300M", 1500 << 20: "1.4G", 10 << 40: "10T", MaxSize: "1024T"} {
		if got := FormatSize(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
	for _, text := range []string{"", "M", "-1M", "+1M", "1.5G", "1e3M", "1025T", "18446744073709551615K", " 1M"} {
		if n, err := ParseSize(text); err == nil {
			t.Errorf("%q is read as %d", text, n)
		}
	}
}

// Whatever is read is written so that it is read as the same.
func FuzzParseSize(f *testing.F) {
	f.Add("512M")
	f.Add("1024T")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseSize(text)
		if err != nil {
			return
		}
		if n < 0 || n > MaxSize {
			t.Fatalf("%q is %d", text, n)
		}
		if again, err := ParseSize(exactSize(n)); n != 0 && (err != nil || again != n) {
			t.Fatalf("%d is written %s, which is %d (%v)", n, exactSize(n), again, err)
		}
	})
}

func FuzzLimit(f *testing.F) {
	f.Add("load=8 memory=512M disk=/var:1G cpu-pressure=60% gateway=192.0.2.1,fe80::1%eth0 link=eth1 for=30s")
	f.Fuzz(func(t *testing.T, rest string) {
		c, _ := Parse("f", good+"limit "+rest+"\n")
		if c == nil {
			return
		}
		for _, l := range c.Limits {
			if l.Bound < 1 || l.For < time.Second || len(l.Nodes) == 0 || !l.About(wire.Node(l.Nodes[0])) {
				t.Fatalf("%+v", l)
			}
			if again, p := Parse("f", good+"limit "+quoted(l.Name())+"\n"); again == nil || again.Limits[0].Name() != l.Name() {
				t.Fatalf("its name %s does not parse: %v", l.Name(), p)
			}
		}
	})
}

// quoted keeps a name's value in one word.
func quoted(name string) string {
	at := strings.LastIndex(name, " for=")
	key, value, _ := strings.Cut(name[:at], "=")
	return key + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"` + name[at:]
}

func TestWhatAFileMeansSaysWhatComesOfALimit(t *testing.T) {
	c, problems := Parse("f", good+"limit load=8 disk=/var:1G gateway=192.0.2.254 for=30s\nlimit link=eth1 cpu-pressure=40 memory=512M nodes=beta for=1m\n")
	if c == nil {
		t.Fatal(problems)
	}
	rows := c.Explain()
	last := rows[len(rows)-1]
	want := []string{"any node: load over 8 for 30s", "any node: less than 1G free for /var for 30s", "any node: gateway 192.0.2.254 does not answer for 30s",
		"beta: cpu-pressure over 40 % for 1m0s", "beta: less than 512M of memory available for 1m0s", "beta: link eth1 down for 1m0s"}
	for _, w := range want {
		if !slices.Contains(last.Steps, w) {
			t.Errorf("%q is not among %q", w, last.Steps)
		}
	}
	if len(last.Steps) != len(want)+2 || len(last.Terms) != 0 {
		t.Errorf("%+v", last)
	}
}
