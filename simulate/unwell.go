package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"locum/config"
)

// DrawUnwell is Draw, with limits in the file and nodes whose samples say now this, now that. It draws by a generator of its own, so that
// Draw's seeds mean what they ever did. In the end all nodes are well, and have to say so.
func DrawUnwell(seed uint64) Script {
	s := Draw(seed)
	rnd := rand.New(rand.NewPCG(seed, 11))
	cfg, problems := config.Parse("drawn", s.Config)
	if cfg == nil {
		panic("the simulator drew a file with errors: " + problems.Error())
	}
	u := unwell{rnd: rnd, peace: seed%10 >= 8}
	for _, n := range cfg.Nodes {
		u.names = append(u.names, n.Name)
	}
	s.Config += fmt.Sprintf("limit load=8 memory=512M for=%ds\nlimit %s link=eth1 disk=/srv:1G for=%ds\n", 1+rnd.IntN(4), u.node(), 1+rnd.IntN(2))
	s.Commands = u.among(s.Commands)
	return s
}

type unwell struct {
	rnd   *rand.Rand
	names []string
	peace bool // nothing may be touched: all nodes are well all the time
}

func (u unwell) node() string { return u.names[u.rnd.IntN(len(u.names))] }

// among puts samples between a history's commands.
func (u unwell) among(commands []string) []string {
	healedAt := slices.Index(commands, healed)
	var list []string
	for i, c := range commands {
		if strings.HasPrefix(c, "boot ") && i > 0 && !slices.ContainsFunc(list, isSample) {
			list = append(list, u.allWell()...)
		}
		if strings.HasPrefix(c, "run ") && i < healedAt && !u.peace && u.rnd.IntN(100) < 40 {
			list = append(list, u.sample())
		}
		list = append(list, c)
		if c == healed {
			list = append(list, u.allWell()...)
		}
	}
	for _, n := range u.names {
		list = append(list, "expect hides "+n+` "past":["`)
	}
	return list
}

func isSample(command string) bool { return strings.HasPrefix(command, "sample ") }

func (u unwell) allWell() (list []string) {
	for _, n := range u.names {
		list = append(list, "sample "+n+" load=0.1 memory=64G link=eth1:up disk=/srv:64G")
	}
	return list
}

func (u unwell) sample() string {
	says := []string{"load=9", "load=9", "load=9", "load=7.5", "load=0.1", "load=unknown", "memory=100M", "memory=100M", "memory=64G", "memory=unknown",
		"link=eth1:down", "link=eth1:up", "disk=/srv:1M", "disk=/srv:64G", "disk=/srv:unknown"}
	return "sample " + u.node() + " " + says[u.rnd.IntN(len(says))]
}
