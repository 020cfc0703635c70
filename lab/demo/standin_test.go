package demo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/arp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"locum/cluster"
	"locum/config"
	"locum/console"
)

// The stand-in plays locum in the tests of the demo: as little as makes the demo's scenes, in one loop. With carelessKey
// in its environment it takes over without fencing, which the demo has to find out.
const carelessKey = "LOCUM_DEMO_CARELESS"

const (
	standInEvents = "/run/events.jsonl"
	standInStatus = "/run/status.json"
	standInPaths  = "/run/paths.json"
)

func playLocum(args []string) error {
	switch {
	case slices.Equal(args, []string{"status", "--json"}), slices.Equal(args, []string{"paths", "--json"}):
		data, err := os.ReadFile(map[string]string{"status": standInStatus, "paths": standInPaths}[args[0]])
		fmt.Printf("%s", data)
		return err
	case len(args) > 1 && args[0] == "disk" && args[1] == "init": // it fences without one
		return nil
	case slices.Equal(args, []string{"events", "-f", "--json"}):
		return followFile(standInEvents)
	case len(args) == 7 && args[0] == "run" && args[1] == "--config" && args[3] == "--node":
		return newStandIn(args[2], args[4]).run()
	}
	return fmt.Errorf("the stand-in does not know %q", args)
}

func followFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	for {
		if _, err := io.Copy(os.Stdout, f); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type standIn struct {
	cfg        *config.Config
	name, peer string
	self, to   netip.AddrPort
	conn       *net.UDPConn
	tty        *os.File
	beats      chan beat
	heard      [2]time.Time // on each path
	serving    bool
	up         bool // the peer
	seq        uint64
}

func newStandIn(file, name string) *standIn {
	text, err := os.ReadFile(file)
	fatal(err)
	cfg, problems := config.Parse(file, string(text))
	if cfg == nil {
		fatal(problems)
	}
	s := &standIn{cfg: cfg, name: name, beats: make(chan beat)}
	for _, n := range cfg.Nodes {
		a := netip.AddrPortFrom(cfg.Paths[0].Addresses[n.Number], cfg.Paths[0].Port)
		if n.Name == name {
			s.self = a
		} else {
			s.peer, s.to = n.Name, a
		}
	}
	return s
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "stand-in:", err)
		os.Exit(1)
	}
}

func (s *standIn) tell(kind, node, text string) {
	s.seq++
	line, err := json.Marshal(console.Event{Version: 1, Time: time.Now().UTC(), Seq: s.seq,
		History: cluster.History{Kind: kind, Node: node, Text: text}})
	fatal(err)
	f, err := os.OpenFile(standInEvents, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	fatal(err)
	_, err = f.Write(append(line, '\n'))
	fatal(err)
	fatal(f.Close())
}

func (s *standIn) noteStatus() {
	peer := "dead"
	if s.up {
		peer = "member"
	}
	fatal(os.WriteFile(standInStatus, fmt.Appendf(nil, `{"version":1,"status":{"quorate":true,"nodes":[{"state":"member"},{"state":%q}]}}`, peer), 0o600))
}

// beat is what the peer said, and on which path.
type beat struct {
	path    int
	serving bool
}

// run beats and listens; what a beat says is whether its sender serves.
func (s *standIn) run() (err error) {
	if s.conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.self)); err != nil {
		return err
	}
	if s.tty, err = os.OpenFile(s.port(), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0); err != nil {
		return err
	}
	s.noteStatus()
	go s.listen(0, s.conn)
	go s.listen(1, s.tty)
	ticks, peerServes := time.NewTicker(s.cfg.Beat.Every), false
	decide := time.Now().Add(3 * s.cfg.Beat.Every) // nobody serves yet: the first of the file begins
	for {
		select {
		case <-ticks.C:
			line := fmt.Appendf(nil, "serving=%t\n", s.serving)
			_, _ = s.conn.WriteToUDPAddrPort(line, s.to)
			_, _ = s.tty.Write(line)
			s.notePaths()
		case b := <-s.beats:
			s.heard[b.path], peerServes = time.Now(), b.serving
			s.peerUp(true)
		}
		switch {
		case s.up && !s.serving && !peerServes && time.Now().After(decide) && s.name == s.cfg.Nodes[0].Name:
			s.serve()
		case s.up && !s.carries(0) && !s.carries(1):
			s.peerUp(false)
			s.buried()
		}
	}
}

// port is this node's end of the serial cable.
func (s *standIn) port() string {
	for _, n := range s.cfg.Nodes {
		if n.Name == s.name {
			return s.cfg.Paths[1].Ports[n.Number][0]
		}
	}
	return ""
}

func (s *standIn) listen(path int, from io.Reader) {
	for lines := bufio.NewReader(from); ; {
		line, err := lines.ReadString('\n')
		if err == nil && strings.HasPrefix(line, "serving=") {
			s.beats <- beat{path, line == "serving=true\n"}
		} else if err != nil {
			time.Sleep(s.cfg.Beat.Every)
		}
	}
}

func (s *standIn) carries(path int) bool { return time.Since(s.heard[path]) < s.cfg.Beat.Dead }

// notePaths writes what "paths --json" shows, in one piece.
func (s *standIn) notePaths() {
	text := fmt.Sprintf(`{"paths":[{"path":"lan","up":%t,"peer_hears":true},{"path":"null","up":%t,"peer_hears":true}]}`, s.carries(0), s.carries(1))
	fatal(os.WriteFile(standInPaths+".new", []byte(text), 0o600))
	fatal(os.Rename(standInPaths+".new", standInPaths))
}

func (s *standIn) peerUp(up bool) {
	if up != s.up {
		s.up = up
		s.tell("peer", s.peer, s.peer+map[bool]string{true: ": up, was dead", false: ": dead, was late"}[up])
		s.noteStatus()
	}
}

// buried follows the peer's death: the side that serves shoots first, the other waits.
func (s *standIn) buried() {
	if os.Getenv(carelessKey) == "" {
		if !s.serving {
			time.Sleep(s.cfg.Tiebreaks[len(s.cfg.Tiebreaks)-1].Delay)
		}
		i := slices.IndexFunc(s.cfg.Fences, func(f config.Fence) bool { return s.cfg.Nodes[f.Node-1].Name == s.peer })
		s.tell("fence", s.peer, s.peer+" is fenced: it is silent")
		get(s.cfg.Fences[i].Keys["url-off"])
		if get(s.cfg.Fences[i].Keys["url-status"]) != "off" {
			return
		}
		s.tell("proof", s.peer, s.peer+" runs nothing: power confirmed off")
	}
	if !s.serving {
		s.serve()
	}
}

func get(url string) string {
	r, err := http.Get(url)
	fatal(err)
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 100))
	fatal(err)
	return strings.TrimSpace(string(body))
}

func (s *standIn) serve() {
	s.serving = true
	r := s.cfg.Services[0].Resources
	link, err := netlink.LinkByName(r[0].Keys["dev"])
	fatal(err)
	prefix, err := netlink.ParseAddr(r[0].Args[0])
	fatal(err)
	fatal(netlink.AddrAdd(link, prefix))
	fatal(exec.Command(r[1].Args[0], r[1].Args[1:]...).Start())
	dev, err := net.InterfaceByIndex(link.Attrs().Index)
	fatal(err)
	c, err := arp.Dial(dev)
	fatal(err)
	broadcast := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	p, err := arp.NewPacket(arp.OperationRequest, dev.HardwareAddr, vip, broadcast, vip)
	fatal(err)
	fatal(c.WriteTo(p, broadcast))
	s.tell("service", "", "web is started on "+s.name)
}
