package config

import (
	"slices"
	"strings"
	"testing"
)

// placingFile is a file whose service lines are given.
func placingFile(lines ...string) string {
	return `cluster t
key /k
node 1 alpha capacity=cpu:8,mem:16G
node 2 beta  capacity=cpu:8,mem:16G
node 3 gamma capacity=cpu:2
path udp lan alpha=192.0.2.1 beta=192.0.2.2 gamma=192.0.2.3
path udp two alpha=198.51.100.1 beta=198.51.100.2 gamma=198.51.100.3
` + strings.Join(lines, "\n") + "\n"
}

func TestWhereServicesShallRun(t *testing.T) {
	cfg, problems := Parse("f", placingFile(
		"service web nodes=alpha,beta,gamma instances=2..3 place=spread rebalance=yes weight=cpu:0.5,mem:512M after=db",
		"resource web vip 192.0.2.101-192.0.2.103/24",
		"resource web unit web@%i.service",
		"resource web process /bin/echo 100%% %i",
		"service db nodes=alpha,beta failback=02:00-04:30 priority=5",
		"resource db unit db.service",
		"service log nodes=beta,alpha with=db apart=web",
		"resource log unit log.service"))
	if cfg == nil {
		t.Fatal(problems)
	}
	var names []string
	for _, s := range cfg.Services {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "web:1 web:2 web:3 db log" {
		t.Fatalf("services: %s", got)
	}
	web := cfg.Services[1]
	if !web.Spread || !web.Rebalance || web.Least != 2 || web.Most != 3 || web.Group != "web" || web.Instance != 2 {
		t.Errorf("web:2 is %+v", web)
	}
	if got := web.Resources[0].Args[0] + " " + web.Resources[1].Args[0] + " " + strings.Join(web.Resources[2].Args[1:], " "); got != "192.0.2.102/24 web@2.service 100% 2" {
		t.Errorf("resources of web:2: %s", got)
	}
	if web.Resources[0].Service != "web:2" {
		t.Errorf("a resource of web:2 says that it is of %s", web.Resources[0].Service)
	}
	if cpu, _ := AmountOf(web.Weight, "cpu"); cpu != 500 {
		t.Errorf("cpu %d", cpu)
	}
	if mem, _ := AmountOf(cfg.Nodes[0].Capacity, "mem"); mem != 16<<30*1000 || mem.String() != "16G" {
		t.Errorf("mem %d, %s", mem, mem)
	}
	for s, want := range map[int][3][]int{0: {{3}, nil, {1, 2, 4}}, 3: {nil, nil, nil}, 4: {nil, {3}, {0, 1, 2}}} {
		got := cfg.Services[s]
		for i, list := range [3][]int{got.After, got.With, got.Apart} {
			if !slices.Equal(list, want[i]) {
				t.Errorf("%s: after, with, apart: %v %v %v, want %v", got.Name, got.After, got.With, got.Apart, want)
				break
			}
		}
	}
	db := cfg.Services[3]
	for minute, open := range map[int]bool{119: false, 120: true, 269: true, 270: false, -1: false} {
		if db.FailbackAt.Open(minute) != open {
			t.Errorf("minute %d: %v", minute, !open)
		}
	}
	if late := (Window{23 * 60, 60}); !late.Open(0) || !late.Open(1439) || late.Open(60) || late.String() != "23:00-01:00" {
		t.Errorf("a window over midnight: %s", late)
	}
	if got := len(cfg.ServicesNamed("web")); got != 3 {
		t.Errorf("%d services are called web", got)
	}
	if got := len(cfg.ServicesNamed("web:2")); got != 1 {
		t.Errorf("%d services are called web:2", got)
	}
}

func TestWhatIsWrongWithPlacing(t *testing.T) {
	db := "service db nodes=alpha,beta\nresource db unit db.service"
	for _, tc := range []struct{ lines, want string }{
		{"service web nodes=alpha place=best\nresource web unit w.service", `f:8: place=best is neither order`},
		{"service web nodes=alpha,beta failback=2-4\nresource web unit w.service", `f:8: failback=2-4: write yes, no, or a part of the day`},
		{"service web nodes=alpha,beta failback=02:00-02:00\nresource web unit w.service", `f:8: failback=02:00-02:00: write yes`},
		{"service web nodes=alpha,beta place=spread failback=yes\nresource web unit w.service", `f:8: failback=yes goes with place=order`},
		{"service web nodes=alpha,beta rebalance=yes\nresource web unit w.service", `f:8: rebalance=yes goes with place=spread`},
		{"service web nodes=alpha,beta instances=2..x\nresource web unit w@%i.service", `f:8: instances=2..x: write how many`},
		{"service web nodes=alpha,beta instances=3..2\nresource web unit w@%i.service", `f:8: instances=3..2: write how many`},
		{"service web nodes=alpha,beta instances=2..3\nresource web unit w@%i.service", `f:8: instances=2..3 on 2 nodes`},
		{"service web nodes=alpha,beta instances=2\nresource web unit w.service", `f:9: unit w.service is the same for each instance of web; write %i`},
		{"service web nodes=alpha,beta instances=2\nresource web vip 192.0.2.101/24", `f:9: address 192.0.2.101 is the same for each instance of web`},
		{"service web nodes=alpha,beta,gamma instances=3\nresource web vip 192.0.2.101-192.0.2.102/24", `f:9: the pool 192.0.2.101-192.0.2.102 has fewer addresses`},
		{"service web nodes=alpha,beta instances=2\nresource web vip 192.0.2.102-192.0.2.101/24", `f:9: resource vip: "192.0.2.102-192.0.2.101/24" is not an address`},
		{"service web nodes=alpha,beta\nresource web vip 192.0.2.101-192.0.2.102/24", `f:9: resource vip: "192.0.2.101-192.0.2.102/24" is not an address`},
		{"service web nodes=alpha,beta instances=2\nresource web unit w@%i.service\nresource web unt w@%i.service", `f:10: resource type "unt" does not exist`},
		{"service web nodes=alpha weight=cpu\nresource web unit w.service", `f:8: weight=cpu: write each unit with its amount`},
		{"service web nodes=alpha weight=cpu:two\nresource web unit w.service", `f:8: weight: cpu: "two" is not an amount`},
		{"service web nodes=alpha weight=cpu:-1\nresource web unit w.service", `f:8: weight: cpu: "-1" is not an amount`},
		{"service web nodes=alpha weight=cpu:NaN\nresource web unit w.service", `f:8: weight: cpu: "NaN" is not an amount`},
		{"service web nodes=alpha weight=mem:9000T\nresource web unit w.service", `f:8: weight: mem: 9000T is more than can be added up`},
		{"service web nodes=alpha weight=cpu:1,cpu:2\nresource web unit w.service", `f:8: weight: unit cpu stands twice`},
		{"service web nodes=gamma weight=cpu:3\nresource web unit w.service", `f:8: weight=cpu:3: none of the nodes of web has as much`},
		{"service web nodes=alpha with=dba\nresource web unit w.service\n" + db, `f:8: with=dba: no service is called that; did you mean "db"?`},
		{"service web nodes=alpha after=web\nresource web unit w.service", `f:8: after=web: a service cannot be after itself`},
		{"service web nodes=alpha after=db,db\nresource web unit w.service\n" + db, `f:8: after=db,db: write each service once`},
		{"service web nodes=alpha,beta after=db\nresource web unit w.service\nservice db nodes=alpha after=web\nresource db unit db.service", `f:8: after= goes in a circle: web -> db -> web`},
		{"service web nodes=alpha,beta with=db apart=db\nresource web unit w.service\n" + db, `f:8: service web: web is apart from db, and with= wants both on one node`},
		{"service web nodes=gamma with=db\nresource web unit w.service\n" + db, `f:8: service web has no node in common with all that it is with`},
		{"service web nodes=alpha,beta with=db\nresource web unit w.service\nservice db nodes=alpha,beta instances=2\nresource db unit db@%i.service", `f:8: with=db: db has several instances`},
	} {
		cfg, problems := Parse("f", placingFile(tc.lines))
		if cfg != nil || !strings.Contains(problems.Error(), tc.want) {
			t.Errorf("%q:\n got %s\nwant %s", tc.lines, problems.Error(), tc.want)
		}
		if n := strings.Count(problems.Error(), "\n"); n > 0 {
			t.Errorf("%q: said more than once:\n%s", tc.lines, problems.Error())
		}
	}
	_, problems := Parse("f", placingFile("service web nodes=alpha weight=disk:3", "resource web process /bin/true %i"))
	var warned []string
	for _, w := range problems.Warnings {
		warned = append(warned, w.Text)
	}
	for _, want := range []string{"no node line says how much disk it has", "%i stands for the number of an instance"} {
		if !strings.Contains(strings.Join(warned, "\n"), want) {
			t.Errorf("no warning %q in %q", want, warned)
		}
	}
}

// An amount is read as it was written.
func TestAmounts(t *testing.T) {
	for text, want := range map[string]string{"2": "2", "0.5": "0.5", "512M": "512M", "4G": "4G", "1.5G": "1.5G", "4g": "4G", "8T": "8T", "0": "0", "0.0005": "0.001", "250": "250"} {
		a, err := parseAmount(text)
		if err != nil || a.String() != want {
			t.Errorf("%s: %s, %v", text, a, err)
		}
	}
}

func TestServicesAreBounded(t *testing.T) {
	var lines []string
	for i := range 501 {
		lines = append(lines, strings.ReplaceAll("service sN nodes=alpha,beta instances=2\nresource sN unit sN@%i.service", "N", strings.Repeat("x", i%7)+string(rune('a'+i%26))+string(rune('a'+i/26))))
	}
	if _, problems := Parse("f", placingFile(lines...)); !strings.Contains(problems.Error(), "at most 1000") {
		t.Errorf("got %.300s", problems.Error())
	}
}
