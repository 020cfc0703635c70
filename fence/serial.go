package fence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"locum/config"
	"locum/wire"
)

const (
	// serialQuiet is how long a line has to be quiet before something is sent on it: what comes later answers that, not what
	// was asked before.
	serialQuiet = 100 * time.Millisecond
	// serialLate is how long it has to be quiet after a question that is asked only to get the answers out of the way that older ones still wait for.
	serialLate = 3 * serialQuiet
	// serialBaud is the usual rate of such switches.
	serialBaud = "9600"
)

// Port is an open serial port. Package daemon hands in what opens one, as a serial path's package knows best how.
type Port interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
}

// OpenPort opens a port at a rate in bits a second.
type OpenPort func(device string, baud int) (Port, error)

// serialSwitch is a switch on a serial port, that is told and asked by a table of strings.
type serialSwitch struct {
	open    OpenPort
	device  string
	baud    int
	send    map[string]string // off, on, status
	expect  map[string]string // off, on: what has to come in answer to the command; "" for until the line is quiet
	off, on string            // what the status says
	secrets secrets
}

// serialKinds are switches whose strings are published. %o stands for the outlet.
var serialKinds = map[string]map[string]string{
	// WTI RPS-10 User's Guide, section 4: a fixed password of control characters, the module's address, 0, 1 or ?
	"rps10": {"send-off": `\x02\x18\x18\x02\x18\x18%o0\r`, "send-on": `\x02\x18\x18\x02\x18\x18%o1\r`, "send-status": `\x02\x18\x18\x02\x18\x18%o?\r`,
		"expect-off": "Complete", "expect-on": "Complete", "match-off": "Plug %o Off", "match-on": "Plug %o On"},
}

// NewSerial gives what makes the device of a line with type=serial or a kind of serial switch: device, baud (9600), outlet;
// and for serial: send-off, send-on and send-status, what has to come in answer to the first two as expect-off and expect-on,
// and what the status says as match-off and match-on. In these \r, \n, \e, \\ and \x02 are characters, %o is the outlet, %p the
// first line of password-file, %% a percent sign.
func NewSerial(open OpenPort) Constructor {
	return func(f config.Fence, _ string) (Device, error) {
		keys := maps.Clone(f.Keys)
		maps.Copy(keys, serialKinds[f.Type])
		s := &serialSwitch{open: open, device: keys["device"], send: map[string]string{}, expect: map[string]string{}}
		var err error
		if s.baud, err = strconv.Atoi(cmp.Or(keys["baud"], serialBaud)); err != nil || s.device == "" {
			return nil, fmt.Errorf("device=%s baud=%s is no port with a rate", s.device, keys["baud"])
		}
		password := ""
		var lacks error
		if file := keys["password-file"]; file != "" {
			password, lacks = secret(file)
			s.secrets = secrets{password}
		}
		if err := s.fill(keys, strings.NewReplacer("%o", keys["outlet"], "%p", password, "%%", "%")); err != nil {
			return nil, err
		}
		return s, lacks
	}
}

// fill takes the strings of the table.
func (s *serialSwitch) fill(keys map[string]string, places *strings.Replacer) error {
	into := map[string]func(string){"match-off": func(v string) { s.off = v }, "match-on": func(v string) { s.on = v }}
	for _, what := range []string{"off", "on", "status"} {
		into["send-"+what] = func(v string) { s.send[what] = v }
	}
	for _, what := range []string{"off", "on"} {
		into["expect-"+what] = func(v string) { s.expect[what] = v }
	}
	for key, take := range into {
		text, err := unescape(keys[key])
		if err != nil {
			return fmt.Errorf("%s=: %w", key, err)
		}
		if text == "" && !strings.HasPrefix(key, "expect-") && key != "send-on" {
			return fmt.Errorf("the fence line has no %s=", key)
		}
		if strings.Contains(text, "%o") && keys["outlet"] == "" {
			return fmt.Errorf("the fence line has no outlet=, which %s= needs", key)
		}
		take(places.Replace(text))
	}
	return nil
}

// unescape reads \r, \n, \t, \e, \\ and \xHH.
func unescape(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i == len(text) {
			return "", errors.New(`a single \ at the end; write \\`)
		}
		plain := map[byte]byte{'r': '\r', 'n': '\n', 't': '\t', 'e': 0x1b, '\\': '\\'}
		if c, ok := plain[text[i]]; ok {
			b.WriteByte(c)
			continue
		}
		n, err := strconv.ParseUint(text[min(i+1, len(text)):min(i+3, len(text))], 16, 8)
		if text[i] != 'x' || i+3 > len(text) || err != nil {
			return "", fmt.Errorf(`after \ only r, n, t, e, \ or x with two hexadecimal digits may stand`)
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), nil
}

func (s *serialSwitch) Off(ctx context.Context) error { return s.command(ctx, "off") }

func (s *serialSwitch) On(ctx context.Context) error { return s.command(ctx, "on") }

func (s *serialSwitch) command(ctx context.Context, what string) error {
	if s.send[what] == "" {
		return fmt.Errorf("the fence line has no send-%s=", what)
	}
	return s.talk(ctx, func(p Port, turn *portTurn) error {
		if err := say(p, s.send[what]); err != nil {
			return err
		}
		if strings.Contains(s.send[what], s.expect[what]) { // also where nothing is expected: it may only be the echo
			turn.owes = true // what it says to that may come later, and is no answer to the question that follows
			_, err := quiet(ctx, p, 10*serialQuiet)
			return err
		}
		return s.listen(p, func(text string) bool { return strings.Contains(text, s.expect[what]) })
	})
}

func (s *serialSwitch) Status(ctx context.Context) (wire.Power, error) {
	power := wire.PowerUnknown
	err := s.talk(ctx, func(p Port, turn *portTurn) (err error) {
		// An answer bears no sign of what it answers: that to a question whose time was over may come now, and be of long ago.
		if turn.owes {
			if err = s.clear(ctx, p); err != nil {
				return err
			}
		}
		power, err = s.question(ctx, p)
		turn.owes = err != nil
		return err
	})
	return power, err
}

// clear asks, and drops what is said to that and to whatever was asked before.
func (s *serialSwitch) clear(ctx context.Context, p Port) error {
	if err := say(p, s.send["status"]); err != nil {
		return err
	}
	if err := s.listen(p, func(text string) bool { return strings.Contains(text, s.off) || strings.Contains(text, s.on) }); err != nil {
		return err
	}
	_, err := quiet(ctx, p, serialLate)
	return err
}

// question asks, and judges all that comes until the line is quiet: the first line may be of another outlet, or an echo.
func (s *serialSwitch) question(ctx context.Context, p Port) (power wire.Power, err error) {
	if err := say(p, s.send["status"]); err != nil {
		return wire.PowerUnknown, err
	}
	var said string
	var why error
	err = s.listen(p, func(text string) bool {
		said = text
		power, why = s.power(said)
		return why == nil
	})
	if err != nil && why != nil {
		return wire.PowerUnknown, fmt.Errorf("%w, and %w", err, why)
	}
	if err != nil {
		return wire.PowerUnknown, err
	}
	rest, err := quiet(ctx, p, serialQuiet)
	if err != nil {
		return wire.PowerUnknown, err
	}
	return s.power(said + rest)
}

// power is what whole lines say: "Plug 1 On" may go on.
func (s *serialSwitch) power(text string) (wire.Power, error) {
	return powerIn(text[:strings.LastIndexAny(text, "\r\n")+1], s.off, s.on)
}

// talk opens the port, waits until it is quiet, and closes it again. Lines that name the same port take turns.
func (s *serialSwitch) talk(ctx context.Context, speak func(Port, *portTurn) error) error {
	turn := turnAt(s.device)
	select {
	case turn.place <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%s is in use for another outlet: %w", s.device, ctx.Err())
	}
	defer func() { <-turn.place }()
	p, err := s.open(s.device, s.baud)
	if err != nil {
		return err
	}
	defer p.Close()
	// The context's end ends a read, whether it is a deadline or a shot that comes.
	defer context.AfterFunc(ctx, func() { _ = p.SetDeadline(time.Unix(1, 0)) })()
	if _, err = quiet(ctx, p, serialQuiet); err == nil {
		err = speak(p, turn)
		turn.owes = turn.owes || err != nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		<-ctx.Done() // the port's deadline is the context's, and may be first by a hair
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// portTurn is who may speak on a port, since several outlets hang on one.
type portTurn struct {
	place chan struct{} // for one
	owes  bool          // the switch was spoken to, and its answer is not known to have come; it belongs to whom the place has
}

var portTurns sync.Map

func turnAt(device string) *portTurn {
	turn, _ := portTurns.LoadOrStore(device, &portTurn{place: make(chan struct{}, 1)})
	return turn.(*portTurn)
}

func say(p Port, text string) error {
	_, err := io.WriteString(p, text)
	return err
}

// listen reads until what came is enough.
func (s *serialSwitch) listen(p Port, enough func(text string) bool) error {
	var text []byte
	b := make([]byte, 256)
	for len(text) < maxAnswer {
		n, err := p.Read(b)
		text = append(text, b[:n]...)
		switch {
		case n > 0 && enough(string(text)):
			return nil
		case err != nil && len(text) == 0:
			return fmt.Errorf("says nothing: %w", err)
		case err != nil:
			return fmt.Errorf("says only %s: %w", brief(s.secrets.hide(string(text))), err)
		}
	}
	return fmt.Errorf("its answer is longer than %d bytes", maxAnswer)
}

// quiet reads until nothing has come for a while, and gives what came.
func quiet(ctx context.Context, p Port, pause time.Duration) (string, error) {
	var text []byte
	for b := make([]byte, 256); len(text) < maxAnswer; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if err := p.SetDeadline(time.Now().Add(pause)); err != nil {
			return "", err
		}
		n, err := p.Read(b)
		text = append(text, b[:n]...)
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return string(text), deadlineOf(ctx, p)
		case err != nil:
			return "", err
		}
	}
	return "", errors.New("it never stops sending: another rate, or another device?")
}

// deadlineOf gives the port the context's deadline back, unless the context has ended meanwhile.
func deadlineOf(ctx context.Context, p Port) error {
	until, _ := ctx.Deadline()
	if err := p.SetDeadline(until); err != nil {
		return err
	}
	return ctx.Err()
}
