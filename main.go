// Locum keeps services running on a small cluster: one static binary, one flat file, one systemd unit.
//
// The files beside this one hold the commands: each parses its flags, calls a package and prints. It decides nothing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"locum/console"
	"locum/daemon"
	"locum/lab/demo"
	"locum/quorumdisk"
)

// version is set by the build.
var version = "unknown"

// command is one word after locum.
type command struct {
	purpose purpose
	name    string
	usage   string // its arguments, for the help and for completion
	help    string
	run     func(ctx context.Context, fs *pflag.FlagSet, args []string) error
}

// purpose is what a command is for. Those without one are not shown.
type purpose string

// The purposes, in the order of the help.
const (
	hidden   purpose = ""
	begin    purpose = "To begin"
	look     purpose = "To see what is so, and why"
	services purpose = "To say where services run"
	nodes    purpose = "To take a node out, in, or off"
	file     purpose = "To change the file on all nodes"
	words    purpose = "About locum"
)

var purposes = []purpose{begin, look, services, nodes, file, words}

func commands() []command {
	return []command{
		{begin, "demo", "[--keep]", "show a cut cable, a death and a split on this machine, in namespaces of its own", runDemo},
		{begin, "keygen", "[FILE]", "make the cluster's key", keygen},
		{begin, "check", "[FILE] [--node NAME] [--json]", "say what is wrong in the file, and what it means", check},
		{begin, "simulate", "[FILE] [--kill NODE] [--cut PATH] [--at T] [--seeds N]", "play the file: what happens if", runSimulate},
		{begin, "run", "[--config FILE] [--node NAME] [--state-dir DIR] [--socket S]", "the daemon, in the foreground", runDaemon},
		{look, "status", "[--why SERVICE] [--json]", "is all well, where is each service, and why", status},
		{look, "events", "[-f] [--json]", "what happened and what was decided", events},
		{look, "replay", "[STATEDIR|FILE] [--last T] [--all] [--json]", "what the engine was told and decided, by its own record", runReplay},
		{look, "paths", "[--json]", "the ways to the other nodes, and their state", paths},
		{look, "disk", "init|show|test [DEVICE|FILE] … [--force] [--json]", "make quorum disks, say what stands on them, try whether they are fit", disk},
		{look, "serial-test", "DEVICE [--baud N] [--timeout T] [--json]", "is a serial cable right; run it at both ends", serialTest},
		{services, "move", "SERVICE [NODE]", "run a service elsewhere", change},
		{services, "start", "SERVICE", "have a service run", change},
		{services, "stop", "SERVICE", "have a service stopped until it is started", change},
		{services, "restart", "SERVICE", "stop a service once and start it again", change},
		{services, "clear", "SERVICE|NODE", "forget failures and moves", change},
		{services, "maintenance", "on|off [SERVICE]", "start, stop, restart and watch nothing until it is off", change},
		{nodes, "standby", "NODE", "hand over a node's services; it stays a member", change},
		{nodes, "online", "NODE", "let a node run services again", change},
		{nodes, "fence", "NODE[,NODE] [--test[=power]|--confirm] [-y]", "switch a node off; test its switch; say that it is off", fence},
		{file, "apply", "FILE", "have a new file take effect on all nodes, or on none", apply},
		{words, "help", "[COMMAND]", "this list, or one command with its flags", runHelp},
		{words, "completion", "bash|zsh|fish", "print what a shell needs to complete these commands", completion},
		{words, "version", "", "print the version", runVersion},
		{hidden, "engine", "", "", runEngine},
		{hidden, quorumdisk.HelperCommand, "", "", diskHelper},
		{hidden, "names", "services|nodes", "", names},
		{hidden, "leave", "[PID]", "", leave},
		{hidden, daemon.WouldRunCommand, "", "", wouldRun},
	}
}

func main() {
	demo.Main()
	os.Exit(run(os.Args[1:]))
}

// run is execute, with a context that ends when a signal says so.
func run(args []string) int {
	ctx, stop := contextOf(args)
	defer stop()
	return execute(ctx, args)
}

// ownSignals are the commands that no context ends. A heart hears its signals itself, and one that came before it listens would be lost to it; the
// others never look whether they are to end: a signal ends them as it does any program.
var ownSignals = []string{"run", "check", "replay"}

// contextOf is what a command runs in.
func contextOf(args []string) (context.Context, context.CancelFunc) {
	if len(args) > 0 && slices.Contains(ownSignals, args[0]) {
		return context.Background(), func() {}
	}
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// execute runs one command and gives its exit status.
func execute(ctx context.Context, args []string) int {
	if len(args) == 0 {
		showHelp(os.Stderr)
		return console.ExitUsage
	}
	word := args[0]
	switch word {
	case "--help", "-h":
		word = "help"
	case "--version":
		word = "version"
	}
	c, err := find(word)
	if strings.HasPrefix(word, "-") {
		err = wrongUsage("%s: the command comes first, its flags after it: locum COMMAND %s (locum help lists them)", word, word)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "locum: %v\n", err)
		return console.ExitUsage
	}
	return c.execute(ctx, args[1:])
}

// find gives a command by its name. The error names the one that was probably meant.
func find(name string) (command, error) {
	var shown []string
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
		if c.purpose != hidden {
			shown = append(shown, c.name)
		}
	}
	return command{}, &console.Failure{Code: console.ExitUsage,
		Text: fmt.Sprintf("no command %q%s (locum help lists them)", name, console.DidYouMean(name, shown))}
}

type commandKey struct{}

func (c command) execute(ctx context.Context, args []string) int {
	fs := c.flagSet()
	err := c.run(context.WithValue(ctx, commandKey{}, c), fs, args)
	switch {
	case err == nil:
		return console.ExitDone
	case errors.Is(err, pflag.ErrHelp):
		c.showHelp(os.Stdout)
		return console.ExitDone
	}
	failure := &console.Failure{Code: console.ExitFailed, Text: err.Error()}
	errors.As(err, &failure)
	if asked, _ := fs.GetBool("json"); asked && !failure.Shown {
		write := writeJSON
		if slices.Contains(byLines, c.name) {
			write = json.NewEncoder(os.Stdout).Encode
		}
		_ = write(console.Reply{Version: console.ProtocolVersion, Error: &console.Error{Code: failure.Code, Text: failure.Text}})
	}
	fmt.Fprintf(os.Stderr, "locum %s: %s\n", c.name, failure.Text)
	return failure.Code
}

// byLines are the commands whose --json is an object a line, a failure included.
var byLines = []string{"events", "replay"}

func (c command) flagSet() *pflag.FlagSet {
	fs := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	fs.SetOutput(io.Discard)
	return fs
}

// flags gives the flags of a command: those that it defines before it parses, which it is made to do for nothing.
func (c command) flags() *pflag.FlagSet {
	fs := c.flagSet()
	_ = c.run(context.WithValue(context.Background(), commandKey{}, c), fs, []string{"--help"})
	return fs
}

// parse reads a command's flags and checks how many words are left. Each command calls it before it does anything.
func parse(ctx context.Context, fs *pflag.FlagSet, args []string, least, most int) ([]string, error) {
	c, _ := ctx.Value(commandKey{}).(command)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil, err
		}
		return nil, wrongUsage("%v; %s", err, c.usageLine())
	}
	switch n := fs.NArg(); {
	case n < least:
		return nil, wrongUsage("a word is missing; %s", c.usageLine())
	case n > most:
		return nil, wrongUsage("%q is one word too many; %s", fs.Arg(most), c.usageLine())
	}
	return fs.Args(), nil
}

func wrongUsage(format string, args ...any) error {
	return &console.Failure{Code: console.ExitUsage, Text: fmt.Sprintf(format, args...)}
}
