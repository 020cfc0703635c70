package agents

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// Names of systemd's D-Bus interface, see org.freedesktop.systemd1(5).
const (
	systemdName   = "org.freedesktop.systemd1"
	systemdObject = "/org/freedesktop/systemd1"
	managerIface  = systemdName + ".Manager"
	unitIface     = systemdName + ".Unit"
	busName       = "org.freedesktop.DBus"
	bootedMark    = "/run/systemd/system" // exists where systemd is the init system: sd_booted(3)
)

// privateSocket is systemd's own, for root.
var privateSocket = "unix:path=/run/systemd/private"

const (
	dialTimeout = 5 * time.Second
	// privateWithin is how much of it the private socket may take before the bus is tried.
	privateWithin = dialTimeout / 2
	// maxRemoved bounds what is kept of ended jobs that nobody has asked about.
	maxRemoved = 64
)

var (
	// errLost says that the connection ended; what was asked may or may not have happened.
	errLost = errors.New("the connection to systemd was lost")
	// errUnreached says that there was none.
	errUnreached = errors.New("cannot talk to systemd")
)

// Systemd is the connection to this node's systemd that its agents share. It is made when first needed and made again
// after it was lost. Its methods may be called from several goroutines. The zero value is not usable; see NewSystemd.
type Systemd struct {
	dialing sync.Mutex // held while a connection is made, so that one is made for all

	mu   sync.Mutex
	link *link
}

// NewSystemd makes the connection's holder and touches nothing.
func NewSystemd() *Systemd { return &Systemd{} }

// Booted reports whether systemd is the init system of this machine.
func Booted() bool {
	fi, err := os.Lstat(bootedMark)
	return err == nil && fi.IsDir()
}

// Close ends the connection; a later use would make a new one.
func (s *Systemd) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != nil {
		s.link.conn.Close()
		s.link = nil
	}
}

// connect gives the living connection, or makes one.
func (s *Systemd) connect(ctx context.Context) (*link, error) {
	s.dialing.Lock()
	defer s.dialing.Unlock()
	if l := s.present(); l != nil {
		return l, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	l, err := openLink(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreached, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link = l
	return l, nil
}

func (s *Systemd) present() *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != nil && s.link.conn.Connected() {
		return s.link
	}
	return nil
}

// link is one life of the connection. It is its own signal handler: godbus calls DeliverSignal while it reads, so that
// nothing in it may wait; a channel that is full or unread would stop every agent's replies.
type link struct {
	conn *dbus.Conn
	bus  bool // there is a bus between, which filters by rules

	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

// openLink connects to systemd's private socket, as systemctl does for root, so that a bus which hangs or is restarted holds up no
// service; or, where that is refused, to the system bus.
func openLink(ctx context.Context) (*link, error) {
	l := &link{watchers: make(map[*watcher]struct{})}
	soon, cancel := context.WithTimeout(ctx, privateWithin)
	defer cancel()
	conn, err := dialPrivate(soon, l)
	l.bus = err != nil
	if err != nil {
		var busErr error
		if conn, busErr = dialBus(ctx, l); busErr != nil {
			return nil, fmt.Errorf("private socket: %w; system bus: %w", err, busErr)
		}
	}
	l.conn = conn
	if err := l.subscribe(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return l, nil
}

func dialBus(ctx context.Context, l *link) (*dbus.Conn, error) {
	conn, err := dial(ctx, l, dbus.SystemBusPrivate, func(c *dbus.Conn) error { return c.Hello() })
	if err != nil {
		return nil, err
	}
	// Only what systemd itself sent: on the system bus any user may send a signal that looks like it. The name's owner
	// changes when systemd executes itself again; what was subscribed before does not count then.
	for _, rule := range []string{
		"type='signal',sender='" + systemdName + "',interface='" + managerIface + "',member='JobRemoved'",
		"type='signal',sender='" + busName + "',interface='" + busName + "',member='NameOwnerChanged',arg0='" + systemdName + "'",
	} {
		if err := conn.BusObject().CallWithContext(ctx, busName+".AddMatch", 0, rule).Err; err != nil {
			conn.Close()
			return nil, fmt.Errorf("AddMatch: %w", err)
		}
	}
	return conn, nil
}

func dialPrivate(ctx context.Context, l *link) (*dbus.Conn, error) {
	open := func(opts ...dbus.ConnOption) (*dbus.Conn, error) { return dbus.Dial(privateSocket, opts...) }
	return dial(ctx, l, open, func(c *dbus.Conn) error { return awake(ctx, c) })
}

// nudgeAfter is how long the first answer on the private socket may take before systemd is spoken to again.
const nudgeAfter = 50 * time.Millisecond

// awake waits for a first answer. Where systemd has read the end of the authentication and our first message at once, as
// happens here one time in three (version 252), it lets that message lie until more bytes come: so more are sent.
func awake(ctx context.Context, c *dbus.Conn) error {
	answers := make(chan *dbus.Call, int(dialTimeout/nudgeAfter)+1) // room for all, so that godbus never waits
	nudge := time.NewTicker(nudgeAfter)
	defer nudge.Stop()
	for range cap(answers) {
		c.Object(systemdName, systemdObject).Go(busName+".Peer.Ping", 0, answers)
		select {
		case call := <-answers:
			return call.Err
		case <-ctx.Done():
			return ctx.Err()
		case <-nudge.C:
		}
	}
	return context.DeadlineExceeded
}

// dial opens and authenticates. godbus knows no deadline for that: at ctx's end the connection is closed under it.
func dial(ctx context.Context, l *link, open func(...dbus.ConnOption) (*dbus.Conn, error), hello func(*dbus.Conn) error) (*dbus.Conn, error) {
	conn, err := open(dbus.WithSignalHandler(l))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Getuid()))})
	if err == nil {
		err = hello(conn)
	}
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// subscribe asks systemd to send its signals at all.
func (l *link) subscribe(ctx context.Context) error {
	err := l.call(ctx, "Subscribe")
	if isError(err, systemdName+".AlreadySubscribed") {
		return nil
	}
	return err
}

// call calls a method of systemd's manager and stores the answer in out.
func (l *link) call(ctx context.Context, method string, args ...any) error {
	return l.reply(ctx, nil, method, args...)
}

func (l *link) reply(ctx context.Context, out any, method string, args ...any) error {
	call := l.conn.Object(systemdName, systemdObject).CallWithContext(ctx, managerIface+"."+method, 0, args...)
	return l.answered(ctx, call, out)
}

// properties reads all properties of an interface of a unit.
func (l *link) properties(ctx context.Context, path dbus.ObjectPath, iface string) (map[string]dbus.Variant, error) {
	var all map[string]dbus.Variant
	call := l.conn.Object(systemdName, path).CallWithContext(ctx, busName+".Properties.GetAll", 0, iface)
	if err := l.answered(ctx, call, &all); err != nil {
		return nil, err
	}
	return all, nil
}

// answered tells a definite answer of systemd from the loss of one.
func (l *link) answered(ctx context.Context, call *dbus.Call, out any) error {
	err := call.Err
	if err == nil && out != nil {
		err = call.Store(out)
	}
	var remote dbus.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !l.conn.Connected(), isError(err, busName+".Error.NoReply"): // the bus's word for who went away before it answered
		return errLost
	case errors.As(err, &remote) && definite(remote.Name):
		return &failure{fmt.Errorf("systemd: %w", err)}
	}
	return fmt.Errorf("systemd: %w", err)
}

// definite reports whether an error's name is an answer of systemd, and not one that the bus gives in its place.
func definite(name string) bool {
	return strings.HasPrefix(name, systemdName+".") || name == busName+".Error.AccessDenied" ||
		name == busName+".Error.InvalidArgs" || name == busName+".Error.FileNotFound"
}

func isError(err error, name string) bool {
	var remote dbus.Error
	return errors.As(err, &remote) && remote.Name == name
}
