package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"locum/wire"
)

// DefaultPort is the UDP port of a path that names none.
const DefaultPort = 6694

// parser collects one file.
type parser struct {
	*Problems
	cfg       *Config
	firstLine map[string]int // of directives that may stand once
	services  []serviceLine  // before their instances are made
	resources []resourceLine // before they are given to their services
	badLine   map[int]bool   // resource lines that were complained of already
	lines     []line
	quorumSet bool
	leaseLine int
	delaySet  bool

	nodeNames  []string // names of nodes as fence, limit and service lines have them
	wrongNodes []line   // node lines that gave no node
	folded     []folded
}

// Parse reads a file's text; file is its name for messages. The Config is nil if there is any error; the Problems are
// never nil and hold every error of the file, not the first, and the warnings.
func Parse(file, text string) (*Config, *Problems) {
	p := &parser{
		Problems:  &Problems{file: file},
		cfg:       &Config{Text: text, Beat: Beat{Every: 100 * time.Millisecond, Dead: time.Second}, Engine: Engine{Grace: 30 * time.Second}},
		firstLine: map[string]int{}, badLine: map[int]bool{},
	}
	p.lines = lines(p.Problems, text)
	if len(text) > maxText { // what it lacks is not known
		return nil, p.Problems
	}
	for _, l := range p.lines {
		if _, known := directives[l.words[0]]; !known {
			p.lose(l.number, append(l.keyFirst(), l.words...))
		}
	}
	p.nodeNames = p.namedNodes()
	p.each("node", (*parser).node) // first: everything else names nodes
	p.presumeNodes()
	for _, l := range p.lines {
		p.directive(l)
	}
	p.finish()
	p.unfold()
	p.sort()
	if len(p.Errors) > 0 {
		return nil, p.Problems
	}
	return p.cfg, p.Problems
}

var directives = map[string]func(*parser, line){
	"cluster": (*parser).cluster, "key": (*parser).key, "node": nil, "beat": (*parser).beat, "path": (*parser).path,
	"watchdog": (*parser).watchdog, "tiebreak": (*parser).tiebreak, "fence": (*parser).fence, "lease": (*parser).lease,
	"quorum": (*parser).quorum, "engine": (*parser).engine, "service": (*parser).service, "resource": (*parser).resource,
	"notify": (*parser).notify, "disk": (*parser).disk, "limit": (*parser).limit,
}

// byteOrderMark is what some editors put before the first line.
const byteOrderMark = "\ufeff"

// notYet names directives that are designed and do not exist yet.
var notYet = []string{"place"}

func (p *parser) each(keyword string, do func(*parser, line)) {
	for _, l := range p.lines {
		if l.words[0] == keyword {
			do(p, l)
		}
	}
}

func (p *parser) directive(l line) {
	do, known := directives[l.words[0]]
	switch {
	case do != nil:
		do(p, l)
	case known:
	case slices.Contains(notYet, l.words[0]):
		p.add(l.number, "%q does not exist yet; there are: %s", l.words[0], strings.Join(sortedKeys(directives), ", "))
	case strings.HasPrefix(l.words[0], byteOrderMark):
		p.add(l.number, "the file begins with a byte order mark, which an editor put there; save it as UTF-8 without one")
	case l.keyFirst() != nil:
		p.add(l.number, "the line begins with %s=; a directive's keyword comes first, and a blank after it", l.keys[0].key)
	case isNumber(l.words[0]) && len(l.words) == 2 && isKey(l.words[1]):
		p.add(l.number, "the line begins with a number; a directive's keyword comes first; did you mean: node %s %s", l.words[0], l.words[1])
	default:
		p.add(l.number, "unknown directive %q; %s", l.words[0], meant(l.words[0], sortedKeys(directives)))
	}
}

// take checks how many words and which keys a directive has; form is shown when it is wrong.
func (p *parser) take(l line, form string, least, most int, keys ...string) bool {
	ok := true
	if n := len(l.words) - 1; n < least || most >= 0 && n > most {
		p.add(l.number, "%s: %s%s; the form is: %s", l.words[0], wanted(n, least, most), hint(l, l.words[min(1+max(most, 0), len(l.words)):], keys), form)
		ok = false
	}
	return p.onlyKeys(l, l.words[0], keys) && ok
}

// wanted says that there are n words where others are wanted: at least so many, and at most; most is -1 for no end.
func wanted(n, least, most int) string {
	words, are := "words", "are"
	if n == 1 {
		words = "word"
	}
	if most == 1 || most < 0 && least == 1 {
		are = "is"
	}
	return fmt.Sprintf("%d %s where %s %s wanted", n, words, span(least, most), are)
}

func span(least, most int) string {
	switch {
	case most < 0:
		return fmt.Sprintf("at least %d", least)
	case least == most:
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func (p *parser) onlyKeys(l line, what string, keys []string) bool {
	ok := true
	seen := map[string]bool{}
	for _, kv := range l.keys {
		switch {
		case seen[kv.key]:
			p.add(l.number, "%s: %s= stands twice", what, kv.key)
		case slices.Contains(keys, kv.key):
			seen[kv.key] = true
			continue
		case len(keys) == 0:
			p.add(l.number, "%s: unknown key %s=; it takes none", what, kv.key)
		default:
			p.add(l.number, "%s: unknown key %s=; %s", what, kv.key, meant(kv.key, keys))
		}
		ok = false
	}
	return ok
}

// once reports a directive that may stand only once.
func (p *parser) once(l line) bool {
	if first := p.firstLine[l.words[0]]; first != 0 {
		p.add(l.number, "%s stands twice; it is on line %d already", l.words[0], first)
		return false
	}
	p.firstLine[l.words[0]] = l.number
	return true
}

func (p *parser) duration(l line, what, text string, least, most time.Duration) time.Duration {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil && isNumber(text) && len(withUnits(text, least, most)) > 0:
		p.add(l.number, "%s %s has no unit; write %s", what, text, either(withUnits(text, least, most)))
	case err != nil:
		p.add(l.number, "%s %q is not a duration; write for example 100ms, 5s, 10m", what, text)
	case d < least || d > most:
		p.add(l.number, "%s %s is out of range; it may be %s to %s", what, text, least, most)
	}
	return d
}

// withUnits gives a number with each unit with which it is in range.
func withUnits(number string, least, most time.Duration) (list []string) {
	for _, unit := range []string{"ms", "s", "m"} {
		if d, err := time.ParseDuration(number + unit); err == nil && d >= least && d <= most {
			list = append(list, number+unit)
		}
	}
	return list
}

// isNumber reports whether a word is a number as people write one: no sign, no exponent, and not inf or nan.
func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && !strings.ContainsFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
}

func (p *parser) integer(l line, what, text string, least, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		p.add(l.number, "%s %q is not a number from %d to %d", what, text, least, most)
	}
	return n
}

func (p *parser) yes(l line, key string) bool {
	v, ok := l.value(key)
	if ok && v != "yes" && v != "no" {
		p.add(l.number, "%s=%s is neither yes nor no", key, v)
	}
	return v == "yes"
}

// name checks a name that people type: 1 to 32 of a-z, 0-9 and -, beginning with a letter.
func (p *parser) name(l line, what, name string) {
	ok := len(name) <= 32 && isKey(name)
	if !ok {
		p.add(l.number, "%s %q: a name is 1 to 32 of a-z, 0-9 and -, and begins with a letter", what, name)
	}
}

func (p *parser) cluster(l line) {
	if p.take(l, "cluster NAME", 1, 1) && p.once(l) {
		p.name(l, "cluster", l.words[1])
		p.cfg.Cluster = l.words[1]
	}
}

func (p *parser) file0(l line, what, path string) {
	if !strings.HasPrefix(path, "/") {
		p.add(l.number, "%s %q is not an absolute path", what, path)
	}
}

func (p *parser) node(l line) {
	before := len(p.Errors)
	n := Node{Votes: 1, Line: l.number}
	if p.take(l, "node NUMBER NAME [votes=N] [capacity=cpu:8,mem:16G] [guest=yes] [lease-proof=yes]", 2, 2, "votes", "capacity", "guest", "lease-proof") {
		p.nodeName(l, &n)
	}
	if len(p.Errors) > before {
		p.wrongNodes = append(p.wrongNodes, l)
		return
	}
	n.Guest, n.LeaseProof, n.Capacity = p.yes(l, "guest"), p.yes(l, "lease-proof"), p.measures(l, "capacity")
	if v, ok := l.value("votes"); ok {
		n.Votes = p.integer(l, "votes", v, 0, 100)
	}
	p.cfg.Nodes = append(p.cfg.Nodes, n)
	sortNodes(p.cfg.Nodes)
}

// nodeName reads what makes a node this one and no other.
func (p *parser) nodeName(l line, n *Node) {
	if swapped(l) {
		p.add(l.number, "node: the number comes first; write: node %s %s", l.words[2], l.words[1])
		return
	}
	n.Number, n.Name = wire.Node(p.integer(l, "node", l.words[1], 1, wire.MaxNodes)), l.words[2]
	p.name(l, "node", n.Name)
	for _, other := range p.cfg.Nodes {
		if other.Number == n.Number {
			p.add(l.number, "node number %d is used twice; it is %s's on line %d", n.Number, other.Name, other.Line)
		}
		if other.Name == n.Name {
			p.add(l.number, "node name %q is used twice; it is on line %d already", n.Name, other.Line)
		}
	}
}

func sortNodes(list []Node) {
	slices.SortStableFunc(list, func(a, b Node) int { return int(a.Number) - int(b.Number) })
}

// nodeNumber finds a node by its name, 0 and an error if there is none.
func (p *parser) nodeNumber(l line, name string) wire.Node {
	var names []string
	for _, n := range p.cfg.Nodes {
		if n.Name == name {
			return n.Number
		}
		names = append(names, n.Name)
	}
	p.fold(l.number, "node "+name, "no node is called %q; %s", name, meant(name, names))
	return 0
}

func (p *parser) beat(l line) {
	if !p.take(l, "beat every=100ms dead=1s", 0, 0, "every", "dead") || !p.once(l) {
		return
	}
	b, before := &p.cfg.Beat, len(p.Errors)
	b.Line = l.number
	if v, ok := l.value("every"); ok {
		b.Every = p.duration(l, "every", v, time.Millisecond, 10*time.Second)
	}
	if v, ok := l.value("dead"); ok {
		b.Dead = p.duration(l, "dead", v, 3*time.Millisecond, 5*time.Minute)
	}
	if len(p.Errors) == before && b.Dead < 3*b.Every {
		p.add(l.number, "dead=%s is less than three times every=%s: one lost beat would be a death; write dead=%s or more", b.Dead, b.Every, 3*b.Every)
	}
}

// defaultWatchdog leaves a heart that died the time to be started again.
const defaultWatchdog = 10 * time.Second

func (p *parser) watchdog(l line) {
	if !p.take(l, "watchdog DEVICE|reboot [timeout=10s]", 1, 1, "timeout") || !p.once(l) {
		return
	}
	w := Watchdog{Device: l.words[1], Line: l.number}
	text, timed := l.value("timeout")
	switch {
	case w.Device == wire.WatchdogReboot:
		if timed {
			p.add(l.number, "watchdog reboot has no timeout=: it is no device that counts")
		}
	case !strings.HasPrefix(w.Device, "/"):
		p.add(l.number, "watchdog %q is neither an absolute path nor the word reboot; write: watchdog /dev/watchdog timeout=10s", w.Device)
	default:
		w.Timeout = p.watchdogTime(l, text, timed)
	}
	p.cfg.Watchdog = w
}

// watchdogTime is the time that is asked of the device, which counts in whole seconds.
func (p *parser) watchdogTime(l line, text string, given bool) time.Duration {
	if !given {
		return defaultWatchdog
	}
	d := p.duration(l, "timeout", text, 2*time.Second, 5*time.Minute)
	if whole := d.Truncate(time.Second); whole != d {
		p.add(l.number, "timeout=%s: a watchdog counts in whole seconds; write timeout=%s", text, whole+time.Second)
	}
	return d
}

func (p *parser) tiebreak(l line) {
	if len(l.words) > 1 && !slices.Contains(tiebreakTypes(), l.words[1]) {
		p.add(l.number, "tiebreak %q does not exist; %s", l.words[1], meant(l.words[1], tiebreakTypes()))
		return
	}
	if !p.take(l, "tiebreak disk | tiebreak fence [delay=…] | tiebreak unsafe", 1, 1, "delay") {
		return
	}
	t := Tiebreak{Type: l.words[1], Line: l.number}
	for _, o := range p.cfg.Tiebreaks {
		if o.Type == t.Type {
			p.add(l.number, "tiebreak %s stands twice; it is on line %d already", t.Type, o.Line)
		}
	}
	if v, ok := l.value("delay"); ok {
		if t.Type != "fence" {
			p.add(l.number, "tiebreak %s takes no delay=", t.Type)
		}
		before := len(p.Errors)
		t.Delay = p.duration(l, "delay", v, 0, time.Hour)
		p.delaySet = len(p.Errors) == before
	}
	p.cfg.Tiebreaks = append(p.cfg.Tiebreaks, t)
}

func (p *parser) lease(l line) {
	if p.take(l, "lease 8s", 1, 1) && p.once(l) {
		p.cfg.Lease, p.leaseLine = p.duration(l, "lease", l.words[1], 100*time.Millisecond, time.Hour), l.number
	}
}

func (p *parser) quorum(l line) {
	if p.take(l, "quorum dynamic=yes|no", 0, 0, "dynamic") && p.once(l) {
		_, p.quorumSet = l.value("dynamic")
		p.cfg.Quorum = Quorum{Dynamic: p.yes(l, "dynamic"), Line: l.number}
	}
}

func (p *parser) engine(l line) {
	if !p.take(l, "engine grace=30s", 0, 0, "grace") || !p.once(l) {
		return
	}
	p.cfg.Engine.Line = l.number
	if v, ok := l.value("grace"); ok {
		p.cfg.Engine.Grace = p.duration(l, "grace", v, time.Second, time.Hour)
	}
}

func (p *parser) notify(l line) {
	if len(l.words) > 1 && !slices.Contains(notifyTypes(), l.words[1]) {
		p.add(l.number, "notify %q does not exist; %s", l.words[1], meant(l.words[1], notifyTypes()))
		return
	}
	if p.take(l, "notify exec PROGRAM [ARGUMENT…]", 2, -1) {
		p.file0(l, "notify exec", l.words[2])
		p.cfg.Notifies = append(p.cfg.Notifies, Notify{Type: l.words[1], Args: l.words[2:], Line: l.number})
	}
}
