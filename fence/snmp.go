package fence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"locum/config"
	"locum/wire"
)

// snmpOutlet is an outlet that is switched by setting an integer and tells its state by another (RFC 3416).
type snmpOutlet struct {
	objects snmpObjects
	host    string
	port    uint16
	secrets secrets
	login   func(*gosnmp.GoSNMP)
}

// snmpObjects are the numbers of one outlet's objects and what has to be written to and read from them.
type snmpObjects struct {
	off, on, status                  string // OIDs
	toOff, toOn, statusOff, statusOn int
}

const (
	// snmpTry is how long one request is waited for before it is sent again.
	snmpTry = time.Second
	// snmpAgain bounds how often a request is sent again on one socket; version 3 needs it to learn the switch's clock.
	snmpAgain = 2
)

// NewSNMP makes the device of a line whose type is snmp, or a kind of switch with known objects (snmpkinds.go): address,
// community-file (with version=1 or 2c), or user, auth and auth-file, priv and priv-file for version 3.
func NewSNMP(f config.Fence, _ string) (Device, error) {
	o := &snmpOutlet{}
	var err error
	if o.objects, err = objectsOf(f); err != nil {
		return nil, err
	}
	if o.host, o.port, err = hostPort(f.Keys["address"], 161); err != nil {
		return nil, err
	}
	o.login, o.secrets, err = snmpLogin(f)
	return o, err
}

// hostPort splits an address with a port or without.
func hostPort(address string, usual uint16) (string, uint16, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
		return host, usual, map[bool]error{true: errors.New("the fence line has no address=")}[host == ""]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" {
		return "", 0, fmt.Errorf("address=%s is no host with a port", address)
	}
	return host, uint16(n), nil
}

func (o *snmpOutlet) Off(ctx context.Context) error {
	return o.set(ctx, o.objects.off, o.objects.toOff)
}

func (o *snmpOutlet) On(ctx context.Context) error { return o.set(ctx, o.objects.on, o.objects.toOn) }

func (o *snmpOutlet) set(ctx context.Context, oid string, value int) error {
	_, err := o.ask(ctx, oid, func(s *gosnmp.GoSNMP) (*gosnmp.SnmpPacket, error) {
		return s.Set([]gosnmp.SnmpPDU{{Name: oid, Type: gosnmp.Integer, Value: value}})
	})
	return err
}

func (o *snmpOutlet) Status(ctx context.Context) (wire.Power, error) {
	said, err := o.ask(ctx, o.objects.status, func(s *gosnmp.GoSNMP) (*gosnmp.SnmpPacket, error) {
		return s.Get([]string{o.objects.status})
	})
	if err != nil {
		return wire.PowerUnknown, err
	}
	value, isNumber := said.Value.(int)
	switch {
	case !isNumber || said.Type != gosnmp.Integer:
		return wire.PowerUnknown, fmt.Errorf("%s is no number there (%s): is it this kind of switch, and has it this outlet?", o.objects.status, said.Type)
	case value == o.objects.statusOff:
		return wire.PowerOff, nil
	case value == o.objects.statusOn:
		return wire.PowerOn, nil
	}
	return wire.PowerUnknown, fmt.Errorf("%s is %d, neither off (%d) nor on (%d)", o.objects.status, value, o.objects.statusOff, o.objects.statusOn)
}

// ask makes a request, and makes it again while nothing comes back.
func (o *snmpOutlet) ask(ctx context.Context, oid string, request func(*gosnmp.GoSNMP) (*gosnmp.SnmpPacket, error)) (gosnmp.SnmpPDU, error) {
	for {
		answer, err := o.once(ctx, request)
		switch {
		case ctx.Err() != nil:
			return gosnmp.SnmpPDU{}, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && nearlyOver(ctx):
			<-ctx.Done() // the socket's deadline is the context's, and may be first by a hair
			return gosnmp.SnmpPDU{}, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded): // of this try: a name server that is slow
			continue
		case errors.Is(err, gosnmp.ErrMaxRetriesExceeded) && strings.Contains(err.Error(), "timeout"):
			continue
		case err != nil:
			return gosnmp.SnmpPDU{}, o.failure(err)
		}
		return theOne(answer, oid)
	}
}

// nearlyOver reports whether the next try would hardly begin.
func nearlyOver(ctx context.Context) bool {
	end, bounded := ctx.Deadline()
	return bounded && time.Until(end) < lastQuestion
}

// once has a socket of its own, so that no late answer to an older question can be taken for its answer.
func (o *snmpOutlet) once(ctx context.Context, request func(*gosnmp.GoSNMP) (*gosnmp.SnmpPacket, error)) (*gosnmp.SnmpPacket, error) {
	s := &gosnmp.GoSNMP{Target: o.host, Port: o.port, Transport: "udp", Context: ctx, Timeout: snmpTry, Retries: snmpAgain, MaxOids: 1}
	o.login(s)
	if err := s.Connect(); err != nil {
		return nil, err
	}
	conn := s.Conn
	defer conn.Close()
	// A question that has to give way to a shot ends at once.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	return request(s)
}

// theOne is the answer's only object, which has to be the one that was asked for.
func theOne(answer *gosnmp.SnmpPacket, oid string) (gosnmp.SnmpPDU, error) {
	switch {
	case answer.Error != gosnmp.NoError:
		return gosnmp.SnmpPDU{}, fmt.Errorf("refuses: %s (%s)", answer.Error, oid)
	case answer.PDUType != gosnmp.GetResponse || len(answer.Variables) != 1:
		return gosnmp.SnmpPDU{}, fmt.Errorf("answers something else (%s with %d objects)", answer.PDUType, len(answer.Variables))
	}
	if got := strings.TrimPrefix(answer.Variables[0].Name, "."); got != oid {
		return gosnmp.SnmpPDU{}, fmt.Errorf("answers about %s, asked was %s", got, oid)
	}
	return answer.Variables[0], nil
}

func (o *snmpOutlet) failure(err error) error {
	switch {
	case errors.Is(err, gosnmp.ErrUnknownUsername), errors.Is(err, gosnmp.ErrWrongDigest), errors.Is(err, gosnmp.ErrDecryption),
		errors.Is(err, gosnmp.ErrUnknownSecurityLevel), strings.Contains(err.Error(), "not authentic"):
		return fmt.Errorf("%w: user=, auth=, auth-file=, priv= or priv-file= are wrong", err)
	}
	return errors.New(plain(o.secrets.hide(err.Error())))
}

var (
	snmpAuths = map[string]gosnmp.SnmpV3AuthProtocol{"md5": gosnmp.MD5, "sha": gosnmp.SHA, "sha224": gosnmp.SHA224,
		"sha256": gosnmp.SHA256, "sha384": gosnmp.SHA384, "sha512": gosnmp.SHA512}
	snmpPrivs = map[string]gosnmp.SnmpV3PrivProtocol{"des": gosnmp.DES, "aes": gosnmp.AES, "aes192": gosnmp.AES192, "aes256": gosnmp.AES256,
		"aes192c": gosnmp.AES192C, "aes256c": gosnmp.AES256C}
)

// snmpLogin gives what writes the line's version and secrets into a request.
func snmpLogin(f config.Fence) (func(*gosnmp.GoSNMP), secrets, error) {
	user, file := f.Keys["user"], f.Keys["community-file"]
	if (user == "") == (file == "") {
		return nil, nil, errors.New("the fence line needs either community-file= (versions 1 and 2c) or user= and auth-file= (version 3)")
	}
	if v := f.Keys["version"]; v != "" && (v == "3") != (user != "") {
		return nil, nil, fmt.Errorf("version=%s goes with %s", v, map[bool]string{true: "user= and auth-file=", false: "community-file="}[v == "3"])
	}
	if user != "" {
		return snmpUser(f)
	}
	community, err := secret(file)
	version := map[string]gosnmp.SnmpVersion{"1": gosnmp.Version1}[f.Keys["version"]]
	if cmp.Or(f.Keys["version"], "2c") == "2c" {
		version = gosnmp.Version2c
	}
	return func(s *gosnmp.GoSNMP) { s.Version, s.Community = version, community }, secrets{community}, err
}

// snmpUser is version 3 (RFC 3414): never without authentication, with encryption if the line has a secret for it.
func snmpUser(f config.Fence) (func(*gosnmp.GoSNMP), secrets, error) {
	auth, ok := snmpAuths[cmp.Or(f.Keys["auth"], "sha256")]
	priv, ok2 := snmpPrivs[cmp.Or(f.Keys["priv"], "aes")]
	if !ok || !ok2 {
		return nil, nil, errors.New("auth= or priv= is none that is known")
	}
	var words [2]string
	for i, key := range []string{"auth-file", "priv-file"} {
		if f.Keys[key] == "" && key == "priv-file" {
			continue
		}
		word, err := secret(f.Keys[key])
		if err != nil {
			return nil, nil, err
		}
		if len(word) < 8 {
			return nil, nil, onThisMachine(fmt.Errorf("the secret in %s is shorter than the 8 characters that version 3 wants", f.Keys[key]))
		}
		words[i] = word
	}
	return func(s *gosnmp.GoSNMP) {
		usm := &gosnmp.UsmSecurityParameters{UserName: f.Keys["user"], AuthenticationProtocol: auth, AuthenticationPassphrase: words[0], PrivacyProtocol: gosnmp.NoPriv}
		s.Version, s.SecurityModel, s.MsgFlags, s.SecurityParameters = gosnmp.Version3, gosnmp.UserSecurityModel, gosnmp.AuthNoPriv, usm
		if words[1] != "" {
			s.MsgFlags, usm.PrivacyProtocol, usm.PrivacyPassphrase = gosnmp.AuthPriv, priv, words[1]
		}
	}, slices.DeleteFunc(secrets(words[:]), func(w string) bool { return w == "" }), nil
}
