package fence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"locum/config"
	"locum/wire"
)

// maxOutput bounds what an agent may print, in bytes.
const maxOutput = 64 << 10

// agent runs one of the fence agents (the programs fence_*, Fence Agent API): key=value lines on its standard input, the
// outcome in its exit status.
type agent struct {
	program string
	input   []byte // without the action
	secrets []string
}

// NewAgent makes the device of a "fence … agent=fence_xyz" line. Every key of the line goes to the agent; one that ends in
// -file is read from that file and given without the ending.
func NewAgent(f config.Fence, node string) (Device, error) {
	a := &agent{program: f.Agent}
	if !filepath.IsAbs(f.Agent) {
		path, err := exec.LookPath(f.Agent)
		if err != nil {
			path, err = exec.LookPath("/usr/sbin/" + f.Agent)
		}
		if err != nil {
			return nil, fmt.Errorf("%s is not installed (Debian: apt-get install fence-agents)", f.Agent)
		}
		a.program = path
	}
	lines := []string{"nodename=" + node}
	for _, key := range sortedKeys(f.Keys) {
		value := f.Keys[key]
		if name, isFile := strings.CutSuffix(key, "-file"); isFile {
			text, err := secret(value)
			if err != nil {
				return nil, err
			}
			a.secrets = append(a.secrets, text)
			key, value = name, text
		}
		if strings.ContainsFunc(key+value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, fmt.Errorf("the value of %s holds a control character", key)
		}
		lines = append(lines, key+"="+value)
	}
	a.input = []byte(strings.Join(lines, "\n") + "\n")
	return a, nil
}

func sortedKeys(m map[string]string) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func (a *agent) Off(ctx context.Context) error {
	_, err := a.act(ctx, "off")
	return err
}

func (a *agent) On(ctx context.Context) error {
	_, err := a.act(ctx, "on")
	return err
}

// Status needs both the exit status and the word: exit status 2 is "off", and a wrong argument as well.
func (a *agent) Status(ctx context.Context) (wire.Power, error) {
	out, err := a.act(ctx, "status")
	var exit *exec.ExitError
	code := 0
	if errors.As(err, &exit) && exit.ExitCode() == 2 {
		code, err = 2, nil
	}
	if err != nil {
		return wire.PowerUnknown, err
	}
	return agentPower(code, out)
}

func agentPower(code int, out string) (wire.Power, error) {
	on, off := hasWord(out, "on"), hasWord(out, "off")
	switch {
	case code == 0 && on && !off:
		return wire.PowerOn, nil
	case code == 2 && off && !on:
		return wire.PowerOff, nil
	}
	return wire.PowerUnknown, fmt.Errorf("exit status %d with the output %.60q says neither on nor off", code, lastLine(out))
}

// act runs the agent in a process group of its own, which ends with the context.
func (a *agent) act(ctx context.Context, action string) (string, error) {
	cmd := exec.CommandContext(ctx, a.program)
	cmd.Stdin = bytes.NewReader(append(slices.Clone(a.input), "action="+action+"\n"...))
	var out bounded
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	text := a.redact(out.String())
	switch {
	case ctx.Err() != nil:
		return text, fmt.Errorf("%s %s: %w", filepath.Base(a.program), action, ctx.Err())
	case err != nil:
		return text, fmt.Errorf("%s %s: %w: %s", filepath.Base(a.program), action, err, lastLine(text))
	}
	return text, nil
}

// redact takes the secrets out of what an agent printed.
func (a *agent) redact(text string) string {
	for _, s := range a.secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return text
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndex(text, "\n")+1:]
}

// bounded keeps the first bytes of what is written and counts the rest as written.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxOutput - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
