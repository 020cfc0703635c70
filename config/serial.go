package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"locum/wire"
)

// rates are those that every kind of serial port knows.
var rates = []int{9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}

// defaultBaud is what every port of the last thirty years does.
const defaultBaud = 115200

// Rates lists the rates that a serial path may have, in bits a second.
func Rates() []int { return slices.Clone(rates) }

// serialPath reads what is particular to "path serial": in a ring each node has two devices, with a comma between.
func (p *parser) serialPath(l line, path *Path) {
	path.Ports, path.Baud = map[wire.Node][]string{}, defaultBaud
	if v, ok := l.value("baud"); ok {
		path.Baud = p.baud(l, path.Name, v)
	}
	if v, ok := l.value("rtscts"); ok {
		path.RTSCTS = v == "yes"
		if v != "yes" && v != "no" {
			p.add(l.number, "path %s: rtscts=%s: write rtscts=yes, or leave it out", path.Name, v)
		}
	}
	for _, n := range p.cfg.Nodes {
		p.serialPorts(l, path, n)
	}
	p.uniquePorts(l, *path)
}

func (p *parser) baud(l line, name, v string) int {
	n, err := strconv.Atoi(v)
	if err == nil && slices.Contains(rates, n) {
		return n
	}
	p.add(l.number, "path %s: baud=%s is no usual rate; there are: %s", name, v, strings.Join(rateWords(), ", "))
	return defaultBaud
}

// rateWords are the rates as they are written.
func rateWords() (list []string) {
	for _, r := range rates {
		list = append(list, strconv.Itoa(r))
	}
	return list
}

func (p *parser) serialPorts(l line, path *Path, n Node) {
	v, ok := l.value(n.Name)
	if !ok {
		p.add(l.number, "path %s has no device for %s; add %s=/dev/ttyS0", path.Name, n.Name, n.Name)
		return
	}
	ports := strings.Split(v, ",")
	for _, d := range ports {
		if !strings.HasPrefix(d, "/dev/") {
			p.add(l.number, "path %s: %s=%s: %q is not a device; write one like /dev/ttyS0", path.Name, n.Name, v, d)
			return
		}
		if strings.HasPrefix(d, "/dev/ttyUSB") || strings.HasPrefix(d, "/dev/ttyACM") {
			p.warn(l.number, "path %s: %s=%s: an adapter gets another such name when it was pulled out, or by chance at the next boot; write one of /dev/serial/by-id",
				path.Name, n.Name, d)
		}
	}
	switch {
	case len(ports) > 2:
		p.add(l.number, "path %s: %s=%s: a node has one port, or two in a ring", path.Name, n.Name, v)
	case len(p.cfg.Nodes) > 2 && len(ports) != 2:
		p.add(l.number, "path %s: %s has one port; more than two nodes form a ring, with two ports each: %s=/dev/ttyS0,/dev/ttyS1", path.Name, n.Name, n.Name)
	case len(ports) == 2 && ports[0] == ports[1]:
		p.add(l.number, "path %s: %s has port %s twice", path.Name, n.Name, ports[0])
	}
	path.Ports[n.Number] = ports
}

func (p *parser) uniquePorts(l line, path Path) {
	for _, o := range p.cfg.Paths {
		for _, n := range p.cfg.Nodes {
			for _, d := range path.Ports[n.Number] {
				if slices.Contains(o.Ports[n.Number], d) {
					p.add(l.number, "path %s uses %s of %s, as path %s on line %d does; each needs a port of its own", path.Name, d, n.Name, o.Name, o.Line)
				}
			}
		}
	}
}

const (
	// pieceTime is how long a frame of a message may hold up a beat on a line, where leastPiece allows it.
	pieceTime  = 20 * time.Millisecond
	leastPiece = 128
	mostPiece  = 256
	// lineFraming bounds what a line adds to a frame, in bytes (serialhb/frame.go).
	lineFraming = 12
)

// MTU is the largest frame of a path, in bytes.
func (p Path) MTU() int {
	if p.Baud == 0 {
		return wire.MaxFrame
	}
	return min(max(int(pieceTime.Seconds()*float64(p.Baud)/10)-lineFraming, leastPiece), mostPiece)
}

func lineTime(bytes, baud int) time.Duration {
	return time.Duration(bytes) * 10 * time.Second / time.Duration(baud)
}

// LineShare is the percentage of a serial line, of each direction, that the beats take: in a ring each node's pass every
// cable.
func (c *Config) LineShare(p Path) int {
	beats := len(c.Nodes) - 1
	one := lineTime(wire.BeatFrame(len(c.Nodes)-1)+lineFraming, p.Baud)
	return int(100 * time.Duration(beats) * one / c.Beat.Every)
}

// Shares that a line's beats may take: above warnShare messages wait long, above mostShare the beats themselves do.
const (
	warnShare = 50
	mostShare = 80
)

// checkLines holds the pace of the beats against each serial line.
func (p *parser) checkLines() {
	c := p.cfg
	for _, path := range c.Paths {
		if path.Baud == 0 || len(c.Nodes) < 2 || c.Beat.Every == 0 {
			continue
		}
		share := c.LineShare(path)
		least := (c.Beat.Every*time.Duration(share)/warnShare + time.Millisecond).Truncate(time.Millisecond)
		switch {
		case share > mostShare:
			p.add(path.Line, "path %s: beats every %s take %d %% of a line of %d baud; write a greater baud=, or beat every=%s", path.Name, c.Beat.Every, share, path.Baud, least)
		case share > warnShare:
			p.warn(path.Line, "path %s: beats every %s take %d %% of a line of %d baud, and messages wait for the rest; a greater baud=, or every=%s, leaves half of it", path.Name, c.Beat.Every, share, path.Baud, least)
		}
	}
}
