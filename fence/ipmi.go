package fence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"locum/config"
	"locum/wire"
)

const (
	// maxIPMIUser and maxIPMIPassword are the longest that IPMI 2.0 has room for, in bytes.
	maxIPMIUser     = 16
	maxIPMIPassword = 20

	chassis       = 0x00 // network function
	chassisStatus = 0x01
	chassisOrder  = 0x02
	orderOff      = 0x00
	orderOn       = 0x01
	powerIsOn     = 0x01 // bit of the status
)

// ipmiBoard is a management board that speaks IPMI 2.0 over the network.
type ipmiBoard struct {
	address        string // host:port
	user, password string
	suite          ipmiSuite
	role           byte
}

// NewIPMI makes the device of a "fence … type=ipmi" line: address, user and password-file; cipher is the suite, 3 (the default,
// which every board knows) or 17 (SHA-256); privilege is operator (the default) or administrator.
func NewIPMI(f config.Fence, _ string) (Device, error) {
	host, port, err := hostPort(f.Keys["address"], 623)
	if err != nil {
		return nil, err
	}
	b := &ipmiBoard{address: net.JoinHostPort(host, strconv.Itoa(int(port))), user: f.Keys["user"]}
	var known bool
	if b.suite, known = ipmiSuites[cmp.Or(f.Keys["cipher"], "3")]; !known {
		return nil, fmt.Errorf("cipher=%s: there are 3 and 17", f.Keys["cipher"])
	}
	if b.role = map[string]byte{"operator": 3, "administrator": 4}[cmp.Or(f.Keys["privilege"], "operator")]; b.role == 0 {
		return nil, fmt.Errorf("privilege=%s: there are operator and administrator", f.Keys["privilege"])
	}
	room := fmt.Errorf("IPMI has room for %d bytes of user= and %d of the password", maxIPMIUser, maxIPMIPassword)
	if len(b.user) > maxIPMIUser {
		return nil, room
	}
	if b.password, err = secret(f.Keys["password-file"]); err != nil {
		return nil, err
	}
	if len(b.password) > maxIPMIPassword {
		return nil, onThisMachine(room)
	}
	return b, nil
}

func (b *ipmiBoard) Off(ctx context.Context) error { return b.order(ctx, orderOff) }

func (b *ipmiBoard) On(ctx context.Context) error { return b.order(ctx, orderOn) }

func (b *ipmiBoard) order(ctx context.Context, what byte) error {
	_, err := b.ask(ctx, chassisOrder, what)
	return err
}

func (b *ipmiBoard) Status(ctx context.Context) (wire.Power, error) {
	said, err := b.ask(ctx, chassisStatus)
	switch {
	case err != nil:
		return wire.PowerUnknown, err
	case len(said) < 3:
		return wire.PowerUnknown, errors.New("its chassis status is cut short")
	case said[0]&powerIsOn != 0:
		return wire.PowerOn, nil
	}
	return wire.PowerOff, nil
}

// ask makes one request in a session of its own.
func (b *ipmiBoard) ask(ctx context.Context, command byte, data ...byte) ([]byte, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", b.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := &ipmiSession{conn: conn, suite: b.suite, user: b.user, password: []byte(b.password), role: b.role}
	err = s.begin(ctx)
	var said []byte
	if err == nil {
		defer s.end()
		said, err = s.ask(ctx, chassis, command, data...)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return said, err
}
