package fence

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/digitalocean/go-libvirt"

	"locum/config"
	"locum/wire"
)

// maxKey bounds a file with a private key, in bytes.
const maxKey = 64 << 10

// domain is a guest of a host that runs libvirt. Its host switches it off, so that also a paused guest is off for good.
type domain struct {
	name    string
	driver  libvirt.ConnectURI // as the host knows it: qemu:///system
	network string             // unix, tcp
	address string
	trust   *tls.Config // nil: no TLS
	cleared atomic.Bool // what the host kept of its memory was thrown away from here
}

// sockets are where libvirt listens on the machine itself: its driver's own daemon, or the one for all.
var sockets = []string{"/run/libvirt/virt%sd-sock", "/run/libvirt/libvirt-sock"}

// NewLibvirt makes the device of a "fence … type=libvirt" line: uri (https://libvirt.org/uri.html: qemu:///system,
// qemu+unix:///system?socket=PATH, qemu+tls://HOST/system with ca-file, cert-file and key-file, qemu+tcp://HOST/system) and
// domain, the guest's name there, or that of the node. The guest has to be defined on its host, not only running there.
func NewLibvirt(f config.Fence, node string) (Device, error) {
	u, err := url.Parse(f.Keys["uri"])
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("uri=%s is no libvirt address, such as qemu+tls://host/system", f.Keys["uri"])
	}
	driver, transport, _ := strings.Cut(u.Scheme, "+")
	if driver == "qemu" && !slices.Contains([]string{"/system", "/session"}, u.Path) {
		return nil, fmt.Errorf("uri=%s leads to nothing that QEMU's hosts have; its path is /system: qemu+tls://host/system", f.Keys["uri"])
	}
	d := &domain{name: cmp.Or(f.Keys["domain"], node), driver: libvirt.ConnectURI(driver + "://" + u.Path)}
	if transport == "" {
		transport = map[bool]string{true: "unix", false: "tls"}[u.Host == ""]
	}
	switch transport {
	case "unix":
		d.network, d.address = "unix", cmp.Or(u.Query().Get("socket"), socketOf(driver))
		return d, nil
	case "tcp":
		d.network, d.address = "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "16509"))
		return d, nil
	case "tls":
		if u.Hostname() == "" {
			return nil, fmt.Errorf("uri=%s names no host, whose certificate would have to be the one", f.Keys["uri"])
		}
		d.network, d.address = "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "16514"))
		d.trust, err = libvirtTLS(f, u.Hostname())
		return d, err
	}
	return nil, fmt.Errorf("uri=%s: there are +unix, +tcp and +tls", f.Keys["uri"])
}

func socketOf(driver string) string {
	own := fmt.Sprintf(sockets[0], driver)
	if _, err := os.Stat(own); err == nil {
		return own
	}
	return sockets[1]
}

// libvirtTLS: both show a certificate.
func libvirtTLS(f config.Fence, host string) (*tls.Config, error) {
	for _, key := range []string{"ca-file", "cert-file", "key-file"} {
		if f.Keys[key] == "" {
			return nil, fmt.Errorf("the fence line has no %s=, which +tls needs", key)
		}
	}
	pool, err := certificates(f.Keys["ca-file"])
	if err != nil {
		return nil, err
	}
	cert, err := os.ReadFile(f.Keys["cert-file"])
	if err != nil {
		return nil, onThisMachine(err)
	}
	key, err := guardedFile(f.Keys["key-file"], maxKey)
	if err != nil {
		return nil, onThisMachine(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, onThisMachine(fmt.Errorf("%s and %s: %w", f.Keys["cert-file"], f.Keys["key-file"], err))
	}
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, ServerName: host}, nil
}

func (d *domain) Off(ctx context.Context) error {
	return d.talk(ctx, func(l *libvirt.Libvirt, guest libvirt.Domain) error {
		switch saved, err := isSaved(l, guest); {
		case err != nil:
			return err
		case saved:
			err = l.DomainManagedSaveRemove(guest, 0)
			d.cleared.Store(err == nil)
			return err
		}
		return l.DomainDestroy(guest)
	})
}

// isSaved reports whether the host keeps the guest's memory (virsh managedsave, or libvirt-guests when the host went down): the
// next start would not boot it, it would go on where it was.
func isSaved(l *libvirt.Libvirt, guest libvirt.Domain) (bool, error) {
	has, err := l.DomainHasManagedSaveImage(guest, 0)
	var said libvirt.Error
	if errors.As(err, &said) && libvirt.ErrorNumber(said.Code) == libvirt.ErrNoSupport {
		return false, nil // this driver cannot save
	}
	return has != 0, err
}

func (d *domain) On(ctx context.Context) error {
	return d.talk(ctx, func(l *libvirt.Libvirt, guest libvirt.Domain) error { return l.DomainCreate(guest) })
}

func (d *domain) Status(ctx context.Context) (wire.Power, error) {
	var state, reason int32
	var saved bool
	err := d.talk(ctx, func(l *libvirt.Libvirt, guest libvirt.Domain) (err error) {
		if state, reason, err = l.DomainGetState(guest, 0); err == nil {
			saved, err = isSaved(l, guest)
		}
		return err
	})
	if err != nil {
		return wire.PowerUnknown, err
	}
	if libvirt.DomainState(state) != libvirt.DomainShutoff {
		d.cleared.Store(false)
	}
	switch libvirt.DomainState(state) {
	case libvirt.DomainShutoff:
		switch {
		case libvirt.DomainShutoffReason(reason) == libvirt.DomainShutoffMigrated: // virsh migrate leaves its definition, and it runs on
			return wire.PowerUnknown, fmt.Errorf("%s was moved to another host, and is shut off here only; write the uri= of that one, or move it back", d.name)
		case saved:
			return wire.PowerOn, nil
		case libvirt.DomainShutoffReason(reason) == libvirt.DomainShutoffSaved && !d.cleared.Load(): // where, only who did it knows
			return wire.PowerUnknown, fmt.Errorf("%s was saved to a file (virsh save), and goes on where it was when that is restored: start it, or throw the file away and say locum fence NODE --confirm", d.name)
		}
		return wire.PowerOff, nil
	case libvirt.DomainRunning, libvirt.DomainBlocked, libvirt.DomainPaused, libvirt.DomainShutdown, libvirt.DomainCrashed, libvirt.DomainPmsuspended:
		return wire.PowerOn, nil // all but shutoff can go on, or hold on to something
	}
	return wire.PowerUnknown, fmt.Errorf("%s is in state %d, which is neither", d.name, state)
}

// talk connects, looks the guest up and speaks about it.
func (d *domain) talk(ctx context.Context, speak func(*libvirt.Libvirt, libvirt.Domain) error) error {
	conn, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// The library knows no context: a closed connection ends whatever waits.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	replies := &libvirtConn{Conn: conn}
	l := libvirt.NewWithDialer(dialed{replies})
	err = l.ConnectToURI(d.driver)
	if err == nil {
		var guest libvirt.Domain
		guest, err = l.DomainLookupByName(d.name)
		switch {
		case err != nil:
		case guest.Name != d.name:
			err = fmt.Errorf("answers about %s, asked was %s", guest.Name, d.name)
		default:
			err = speak(l, guest)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case libvirt.IsNotFound(err):
		return fmt.Errorf("%s knows no domain %s; is it defined there, with this name?", d.address, d.name)
	case errors.Is(err, libvirt.ErrInterrupted) && replies.why != nil: // the library has read it before it interrupts
		return replies.why
	case err != nil:
		return errors.New(plain(err.Error()))
	}
	return nil
}

// dialed hands the library a connection that is already there.
type dialed struct{ conn net.Conn }

func (d dialed) Dial() (net.Conn, error) { return d.conn, nil }

func (d *domain) dial(ctx context.Context) (net.Conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, d.network, d.address)
	if err != nil || d.trust == nil {
		return raw, err
	}
	conn := tls.Client(raw, d.trust)
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	// libvirt says 1 once it has accepted our certificate.
	said := []byte{0}
	if _, err := conn.Read(said); err != nil || said[0] != 1 {
		raw.Close()
		return nil, errors.Join(ctx.Err(), fmt.Errorf("does not accept the certificate of cert-file="))
	}
	return conn, nil
}
