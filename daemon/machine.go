package daemon

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"locum/agents"
	"locum/config"
	"locum/daemon/health"
	"locum/fence"
	"locum/heartbeat"
	"locum/serialhb"
	"locum/wire"
)

// FenceErrors are the fence lines of a good file that work on no machine, whatever is installed there. Their devices are made as locum
// would make them, and asked nothing.
func FenceErrors(file string, cfg *config.Config) (list []config.Problem) {
	for _, f := range cfg.Fences {
		target, _ := cfg.NodeByNumber(f.Node)
		if _, err := fences[f.Type](f, target.Name); err != nil && !fence.IsMissing(err) {
			list = append(list, config.Problem{File: file, Line: f.Line, Text: fmt.Sprintf("fence %s: %v", f.Name, err)})
		}
	}
	return list
}

// Look is what a look at this machine has shown.
type Look struct {
	Node   string           // which of the file's nodes it is, "" none
	Found  []config.Problem // what is not as the file has it
	Unseen []string         // what could not be looked at, and why
}

// LookAtMachine says what of a good file is not so on this machine, if it is one of the file's nodes: name is that node's, "" for
// the short host name. It opens nothing that could disturb a locum which runs, or a device. All it finds are warnings: a cable
// may be plugged in later.
func LookAtMachine(file, name string, cfg *config.Config) Look {
	self, err := findSelf(Options{ConfigFile: file, Node: name}, cfg)
	if err != nil {
		return Look{Unseen: []string{"whether the nodes have the key, interfaces, devices, units, programs, fence agents and secrets that the file names: " +
			"this machine is none of them; run locum check on each, or say with --node which one this is"}}
	}
	m := machine{file: file, self: self.Number, systemd: agents.NewSystemd(), booted: agents.Booted()}
	defer m.systemd.Close()
	for _, file := range cfg.KeyFiles() {
		if _, err := readKey(file); err != nil {
			m.warn(0, "%v", err)
		}
	}
	if d := cfg.Watchdog; d.Device != "" && d.Device != "reboot" {
		m.device(d.Line, d.Device)
		if why := heartbeat.NoWayOut(d.Device); why != "" {
			m.warn(d.Line, "to stop locum resets this machine: %s", why)
		}
	}
	m.realTime(cfg.Beat)
	for _, p := range cfg.Paths {
		m.path(p)
	}
	for _, f := range cfg.Fences {
		if target, _ := cfg.NodeByNumber(f.Node); f.Node != self.Number {
			m.fence(f, target.Name)
		}
	}
	for _, s := range cfg.Services {
		if slices.Contains(s.Nodes, self.Number) {
			for _, r := range s.Resources {
				m.resource(r)
			}
		}
	}
	for _, l := range cfg.Limits {
		if l.About(self.Number) {
			m.limit(l)
		}
	}
	for _, n := range cfg.Notifies {
		m.program(n.Line, n.Args[0])
	}
	m.units()
	return Look{Node: self.Name, Found: m.found, Unseen: m.unseen}
}

// machine is what was found so far.
type machine struct {
	file  string
	self  wire.Node
	found []config.Problem

	systemd *agents.Systemd
	booted  bool              // systemd is the init system here
	named   []config.Resource // units
	unseen  []string
}

func (m *machine) warn(line int, format string, args ...any) {
	m.found = append(m.found, config.Problem{File: m.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// realTime warns of a window that a heart without real time cannot keep. What an ordinary user may not have says nothing of what
// the unit may.
func (m *machine) realTime(b config.Beat) {
	if os.Geteuid() != 0 {
		if tooShort(b.Dead) != "" {
			m.unseen = append(m.unseen, "whether locum may have real-time scheduling, which so short a dead= needs: only root can try")
		}
		return
	}
	if err := mayHaveRealTime(); err != nil && tooShort(b.Dead) != "" {
		m.warn(b.Line, "real-time scheduling is refused here (%v)%s", err, tooShort(b.Dead))
	}
}

func (m *machine) path(p config.Path) {
	if dev := p.Devices[m.self]; dev != "" {
		m.iface(p.Line, dev)
	}
	if a := p.Addresses[m.self]; a.IsValid() && !onMachine(a) {
		m.warn(p.Line, "no interface of this machine has the address %s", a)
	}
	for _, port := range p.Ports[m.self] {
		m.port(p.Line, port)
	}
}

// fence makes the device as locum would, which reads its secrets and its agent, and asks it nothing.
func (m *machine) fence(f config.Fence, target string) {
	if _, err := fences[f.Type](f, target); fence.IsMissing(err) {
		m.warn(f.Line, "fence %s: %v", f.Name, err)
	}
	if port := f.Keys["device"]; port != "" && f.Type != "agent" {
		m.port(f.Line, port)
	}
}

func (m *machine) port(line int, port string) {
	if _, err := os.Stat(port); err != nil {
		m.warn(line, "%v", err)
	} else if err := serialhb.CheckPort(port); err != nil {
		m.warn(line, "%v", err)
	}
}

func (m *machine) resource(r config.Resource) {
	switch r.Type {
	case "vip":
		if dev := r.Keys["dev"]; dev != "" {
			m.iface(r.Line, dev)
		}
	case "unit":
		m.named = append(m.named, r)
	case "process", "script":
		if len(r.Args) > 0 {
			m.program(r.Line, r.Args[0])
		}
	}
}

// unitWithin bounds the questions about one unit.
const unitWithin = 3 * time.Second

// units says why a start would refuse one. What systemd does not answer is no word on the unit, and the next is not asked about.
func (m *machine) units() {
	for i, r := range m.named {
		why := "systemd does not run here"
		if m.booted {
			err := m.unit(r)
			if agents.Outcome(err) != wire.OutcomeUnknown {
				continue
			}
			why = err.Error()
		}
		var names []string
		for _, r := range m.named[i:] {
			names = append(names, r.Args[0])
		}
		m.unseen = append(m.unseen, fmt.Sprintf("the units %s: %s", strings.Join(names, ", "), why))
		return
	}
}

func (m *machine) unit(r config.Resource) error {
	ctx, cancel := context.WithTimeout(context.Background(), unitWithin)
	defer cancel()
	err := agents.Refusal(ctx, r, m.systemd)
	if agents.Outcome(err) == wire.OutcomeFailed {
		m.warn(r.Line, "%v", err)
	}
	return err
}

// limit finds what cannot be judged here.
func (m *machine) limit(l config.Limit) {
	if err := health.Pressure(l.Kind); err != nil {
		m.warn(l.Line, "%s= is never judged here: %v", l.Kind, err)
	}
	if l.Kind == config.LimitDisk {
		if _, err := os.Stat(l.Path); err != nil {
			m.warn(l.Line, "disk=: %v", err)
		}
	}
	if l.Kind == config.LimitLink {
		m.iface(l.Line, l.Link)
	}
}

func (m *machine) iface(line int, name string) {
	if _, err := net.InterfaceByName(name); err != nil {
		m.warn(line, "this machine has no interface %s (ip link shows those there are)", name)
	}
}

func (m *machine) device(line int, path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		m.warn(line, "%v", err)
	case info.Mode()&os.ModeCharDevice == 0:
		m.warn(line, "%s is no character device", path)
	}
}

func (m *machine) program(line int, path string) {
	info, err := os.Stat(path)
	switch {
	case !filepath.IsAbs(path): // looked for along a path that is not this shell's
	case err != nil:
		m.warn(line, "%v", err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		m.warn(line, "%s cannot be executed (chmod 755 %s)", path, path)
	}
}

// onMachine reports whether an interface has the address; where that cannot be found out, it may.
func onMachine(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(all, func(n net.Addr) bool {
		p, err := netip.ParsePrefix(n.String())
		return err == nil && p.Addr().Unmap() == a.Unmap()
	})
}
