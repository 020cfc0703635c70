package fence

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"locum/config"
	"locum/wire"
)

// agent runs one of the fence agents (the programs fence_*; Fence Agent API): key=value lines on its standard input, the
// outcome in its exit status.
type agent struct {
	program string
	input   string // without the action
	secrets secrets
	place   chan struct{} // for one run
}

// pathKeys are options of the agents themselves that take a file's name. Every other key in -file names a secret.
var pathKeys = []string{"cookie-file", "debug-file", "identity-file", "status-file", "token-file"}

// secretEnds are how keys end that hold a secret: they do not stand in the cluster's file.
var secretEnds = []string{"password", "passwd", "passphrase", "community", "secret", "token", "secret-key", "api-key", "apikey"}

// NewAgent makes the device of a "fence … agent=fence_xyz" line. Every key of the line goes to the agent, and the node's
// name as nodename; one that ends in -file is read from that file, which must have mode 0600, and given without the ending
// (password-file=/etc/locum.pdu gives password=…), except the agents' own names of files, such as identity-file. The
// program is searched in PATH and in /usr/sbin.
func NewAgent(f config.Fence, node string) (Device, error) {
	a := &agent{place: make(chan struct{}, 1)}
	lines := []string{"nodename=" + node}
	program, lacks := findAgent(f.Agent)
	for _, key := range slices.Sorted(maps.Keys(f.Keys)) {
		line, err := a.line(key, f.Keys[key])
		if err != nil && (lacks == nil || !IsMissing(err)) {
			lacks = err
		}
		if err != nil && !IsMissing(err) {
			break
		}
		lines = append(lines, line)
	}
	if lacks != nil {
		return nil, lacks
	}
	a.program, a.input = program, strings.Join(lines, "\n")+"\n"
	return a, nil
}

func findAgent(name string) (string, error) {
	if filepath.IsAbs(name) {
		path, err := exec.LookPath(name)
		return path, onThisMachine(err)
	}
	if name == "" || strings.ContainsRune(name, '/') {
		return "", fmt.Errorf("agent=%s is neither a program's name nor an absolute path", name)
	}
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", onThisMachine(fmt.Errorf("%s is not installed (Debian: apt-get install fence-agents)", name))
}

// line is one line of the agent's input.
func (a *agent) line(key, value string) (string, error) {
	dashed := strings.ReplaceAll(key, "_", "-")
	name, isFile := strings.CutSuffix(key, "-file")
	isFile = isFile && !slices.Contains(pathKeys, dashed)
	switch {
	case key == "" || strings.ContainsFunc(key, func(r rune) bool { return !strings.ContainsRune(keyRunes, r) }):
		return "", fmt.Errorf("the key %q: a key holds a-z, 0-9, - and _ only", key)
	case slices.Contains([]string{"action", "option", "nodename"}, name):
		return "", fmt.Errorf("%s= is set by locum itself", key)
	case !isFile && slices.ContainsFunc(secretEnds, func(end string) bool { return strings.HasSuffix(dashed, end) }):
		return "", fmt.Errorf("%s=: put the secret into a file with mode 0600 and write %s-file=/path", key, key)
	}
	if isFile {
		text, err := secret(value)
		if err != nil {
			return "", err
		}
		a.secrets = append(a.secrets, text)
		key, value = name, text
	}
	if err := passable(value); err != nil {
		err = fmt.Errorf("the value of %s %w", key, err)
		if isFile {
			err = onThisMachine(err)
		}
		return "", err
	}
	return key + "=" + value, nil
}

const keyRunes = "abcdefghijklmnopqrstuvwxyz0123456789-_"

// passable refuses what would become another line, and what the agents' library strips.
func passable(value string) error {
	switch {
	case !utf8.ValidString(value):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return errors.New("holds a control character")
	case strings.TrimSpace(value) != value:
		return errors.New("begins or ends with a space, which the fence agents take off")
	case len(value) > 1 && strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`):
		return errors.New("stands in quotes, which the fence agents take off")
	}
	return nil
}

func (a *agent) Off(ctx context.Context) error { return a.command(ctx, "off") }

func (a *agent) On(ctx context.Context) error { return a.command(ctx, "on") }

func (a *agent) command(ctx context.Context, action string) error {
	e, err := a.run(ctx, action)
	if err == nil && e.code != 0 {
		err = e.failure()
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(a.program), action, err)
	}
	return nil
}

func (a *agent) Status(ctx context.Context) (wire.Power, error) {
	e, err := a.run(ctx, "status")
	power := wire.PowerUnknown
	if err == nil {
		if power, err = agentPower(e.code, e.out); err != nil {
			err = fmt.Errorf("%w: %w", e.failure(), err)
		}
	}
	if err != nil {
		return wire.PowerUnknown, fmt.Errorf("%s status: %w", filepath.Base(a.program), err)
	}
	return power, nil
}

// agentPower needs both the exit status and the word on standard output: 2 is "off", and a wrong argument as well.
func agentPower(code int, out string) (wire.Power, error) {
	power, err := powerIn(out, "OFF", "ON")
	switch {
	case err != nil:
		return wire.PowerUnknown, err
	case code == 0 && power == wire.PowerOn, code == 2 && power == wire.PowerOff:
		return power, nil
	}
	return wire.PowerUnknown, fmt.Errorf("which does not go with the word %s", strings.ToUpper(power.String()))
}
