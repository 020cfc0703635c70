package fence

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/digitalocean/go-libvirt"
	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// host is a real libvirtd with libvirt's test driver: one defined guest, "test", that runs in name only.
type host struct {
	dir     string
	process *os.Process
}

func startHost(t *testing.T) *host {
	t.Helper()
	h := &host{dir: t.TempDir()}
	h.certificates(t)
	file := func(name string) string { return filepath.Join(h.dir, name) }
	text := "unix_sock_dir = \"" + h.dir + "\"\nunix_sock_rw_perms = \"0700\"\nauth_unix_rw = \"none\"\nlisten_tcp = 1\nlisten_tls = 1\nlisten_addr = \"" +
		deviceAddress + "\"\nauth_tcp = \"none\"\nauth_tls = \"none\"\nkey_file = \"" + file("key.pem") + "\"\ncert_file = \"" + file("cert.pem") + "\"\nca_file = \"" +
		file("ca.pem") + "\"\ntls_no_sanity_certificate = 1\n"
	if err := os.WriteFile(file("libvirtd.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.apart(t)
	// Without its other drivers it touches nothing of the machine; the test driver is always in it.
	h.process = start(t, []string{"LIBVIRT_DRIVER_DIR=" + h.dir}, "libvirtd", "-f", file("libvirtd.conf"), "-p", file("pid"), "--listen")
	answers(t, func() error {
		_, err := device2(t, within(h.line("test+unix:///default?socket="+file("libvirt-sock")), time.Second))
		return err
	})
	return h
}

// apart gives libvirtd directories of its own.
func (h *host) apart(t *testing.T) {
	t.Helper()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/run", "/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil && !errors.Is(err, unix.ENOENT) {
			t.Fatal(dir, err)
		}
	}
}

// certificates makes an authority, and one certificate that is the host's and the client's.
func (h *host) certificates(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "host"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.ParseIP(deviceAddress)}, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]*pem.Block{"key.pem": {Type: "PRIVATE KEY", Bytes: private}}
	for name, made := range map[string]*x509.Certificate{"ca.pem": ca, "cert.pem": leaf} {
		b, err := x509.CreateCertificate(rand.Reader, made, ca, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		blocks[name] = &pem.Block{Type: "CERTIFICATE", Bytes: b}
	}
	for name, block := range blocks {
		if err := os.WriteFile(filepath.Join(h.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (h *host) line(uri string, keys ...string) config.Fence {
	f := config.Fence{Name: "host", Type: "libvirt", Level: 1, Timeout: patience, Keys: map[string]string{"uri": uri, "domain": "test",
		"ca-file": filepath.Join(h.dir, "ca.pem"), "cert-file": filepath.Join(h.dir, "cert.pem"), "key-file": filepath.Join(h.dir, "key.pem")}}
	for i := 0; i+1 < len(keys); i += 2 {
		f.Keys[keys[i]] = keys[i+1]
	}
	return f
}

// keep holds a connection, because the test driver forgets what was done when the last one to it ends.
func (h *host) keep(t *testing.T) (l *libvirt.Libvirt, forget func()) {
	t.Helper()
	keep, err := net.Dial("unix", filepath.Join(h.dir, "libvirt-sock"))
	if err != nil {
		t.Fatal(err)
	}
	l = libvirt.NewWithDialer(dialed{keep})
	if err := l.ConnectToURI("test:///default"); err != nil {
		t.Fatal(err)
	}
	return l, func() { keep.Close() }
}

func TestAGuestIsSwitchedByItsHost(t *testing.T) {
	inside(t, "libvirtd", func(t *testing.T) {
		h := startHost(t)
		l, forget := h.keep(t)
		defer forget()
		guest, err := l.DomainLookupByName("test")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.DomainSuspend(guest); err != nil {
			t.Fatal(err)
		}
		t.Log("the guest is paused, and could go on at any time: that is on")
		for _, uri := range []string{"test+unix:///default?socket=" + filepath.Join(h.dir, "libvirt-sock"), "test+tcp://" + deviceAddress + "/default", "test+tls://" + deviceAddress + "/default"} {
			t.Run(uri[:8], func(t *testing.T) {
				l := ladder(t, []config.Fence{h.line(uri)})
				if power, readings := l.Read(context.Background()); power != wire.PowerOn {
					t.Fatalf("%s: %+v", power, readings)
				}
				if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
					t.Fatalf("%s: %s", got, text)
				}
				if r := l.Shoot(context.Background(), always); r.Outcome != wire.OutcomeDone || r.Devices[0].Shot {
					t.Errorf("off already: %s: %s", r.Outcome, r)
				}
				if err := l.On(context.Background()); err != nil {
					t.Fatal(err)
				}
			})
		}
		stranger := &host{dir: t.TempDir()}
		stranger.certificates(t)
		const overTCP, overTLS = "test+tcp://" + deviceAddress + "/default", "test+tls://" + deviceAddress + "/default"
		for _, tc := range []struct {
			name, uri string
			keys      []string
			outcome   wire.Outcome
			want      string
		}{
			{"a guest that is not there", overTCP, []string{"domain", "other"}, wire.OutcomeUnknown, "knows no domain other"},
			{"nobody there", "test+tcp://" + deviceAddress + ":1/default", nil, wire.OutcomeUnknown, "connection refused"},
			{"another driver", "smoke+tcp://" + deviceAddress + "/default", nil, wire.OutcomeUnknown, "smoke"},
			{"a connection that may only read", "test+unix:///default?socket=" + filepath.Join(h.dir, "libvirt-sock-ro"), nil, wire.OutcomeFailed, "read only access"},
			{"a key that the host does not take", overTLS, []string{"cert-file", filepath.Join(stranger.dir, "cert.pem"), "key-file", filepath.Join(stranger.dir, "key.pem")},
				wire.OutcomeUnknown, "does not accept the certificate of cert-file="},
			{"an authority that did not sign", overTLS, []string{"ca-file", filepath.Join(stranger.dir, "ca.pem")}, wire.OutcomeUnknown, "certificate"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				got, text := ladder(t, []config.Fence{within(h.line(tc.uri, tc.keys...), 2*time.Second)}).Off(context.Background(), always)
				if !judged(got, text, tc.outcome, tc.want) {
					t.Errorf("%s: %s, want %s: %s", got, text, tc.outcome, tc.want)
				}
			})
		}
	})
}

// A guest whose memory its host keeps is shut off, and goes on where it was when it is started.
func TestAGuestWhoseMemoryIsKeptIsOffOnlyWhenThatIsThrownAway(t *testing.T) {
	inside(t, "libvirtd", func(t *testing.T) {
		h := startHost(t)
		host, forget := h.keep(t)
		defer forget()
		guest, err := host.DomainLookupByName("test")
		if err != nil {
			t.Fatal(err)
		}
		if err := host.DomainManagedSave(guest, 0); err != nil {
			t.Fatal(err)
		}
		l := ladder(t, []config.Fence{h.line("test+unix:///default?socket=" + filepath.Join(h.dir, "libvirt-sock"))})
		if power, readings := l.Read(context.Background()); power != wire.PowerOn {
			t.Errorf("%s: %+v", power, readings)
		}
		if r := l.Shoot(context.Background(), always); r.Outcome != wire.OutcomeDone || !r.Devices[0].Shot {
			t.Errorf("%s: %s", r.Outcome, r)
		}
		if has, err := host.DomainHasManagedSaveImage(guest, 0); err != nil || has != 0 {
			t.Errorf("its memory is still kept: %d, %v", has, err)
		}
	})
}

// A guest whose memory an operator has put into a file of his own (virsh save) goes on where it was when he restores it.
func TestAGuestThatWasSavedToAFileIsNotKnownToBeOff(t *testing.T) {
	inside(t, "libvirtd", func(t *testing.T) {
		h := startHost(t)
		host, forget := h.keep(t)
		defer forget()
		guest, err := host.DomainLookupByName("test")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(h.dir, "memory")
		if err := host.DomainSave(guest, file); err != nil {
			t.Fatal(err)
		}
		l := ladder(t, []config.Fence{within(h.line("test+unix:///default?socket="+filepath.Join(h.dir, "libvirt-sock")), 2*time.Second)})
		if power, readings := l.Read(context.Background()); power != wire.PowerUnknown || !strings.Contains(readings[0].Err.Error(), "virsh save") {
			t.Errorf("%s: %+v", power, readings)
		}
		if r := l.Shoot(context.Background(), always); r.Outcome != wire.OutcomeUnknown {
			t.Errorf("%s: %s", r.Outcome, r)
		}
		if err := host.DomainRestore(file); err != nil {
			t.Fatal(err)
		}
		if power, readings := l.Read(context.Background()); power != wire.PowerOn {
			t.Errorf("restored: %s: %+v", power, readings)
		}
		if r := l.Shoot(context.Background(), always); r.Outcome != wire.OutcomeDone {
			t.Errorf("%s: %s", r.Outcome, r)
		}
	})
}

func TestAQuestionToAHostThatSaysNothingEndsWhenAShotComes(t *testing.T) {
	asked := make(chan struct{})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() {
		if c, err := silent.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 1))
			close(asked)
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Read(make([]byte, 4096))
		}
	}()
	d, err := NewLibvirt((&host{}).line("test+tcp://"+silent.Addr().String()+"/default"), "beta")
	if err != nil {
		t.Fatal(err)
	}
	endsWhenCancelled(t, d, func() { <-asked })
}

func TestALibvirtLineThatCannotWorkIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, uri, want string }{
		{"no address", "system", "is no libvirt address"},
		{"a way that is not gone", "qemu+ssh://host/system", "there are +unix, +tcp and +tls"},
		{"a certificate of nobody", "qemu+tls:///system", "names no host"},
		{"QEMU without a path", "qemu+tcp://host", "its path is /system"},
		{"no certificates", "qemu://host/system", "no ca-file=, which +tls needs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := config.Fence{Type: "libvirt", Keys: map[string]string{"uri": tc.uri}}
			if _, err := NewLibvirt(f, "beta"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
