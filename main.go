// Locum keeps services running on a small cluster: one static binary, one flat file, one systemd unit.
//
// This file holds the commands: each parses its flags, calls a package and prints. It decides nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"locum/console"
	"locum/lab/demo"
)

// version is set by the build.
var version = "unknown"

// command is one word after locum.
type command struct {
	name   string
	usage  string // its arguments, for the help
	help   string
	hidden bool
	run    func(ctx context.Context, fs *pflag.FlagSet, args []string) error
}

func commands() []command {
	return []command{
		{name: "run", usage: "[--config F] [--node NAME] [--state-dir D] [--socket S]", help: "the daemon, in the foreground", run: runDaemon},
		{name: "engine", hidden: true, run: runEngine},
		{name: "check", usage: "[F]", help: "say what is wrong in the file, and what it means", run: check},
		{name: "keygen", usage: "[F]", help: "make the cluster's key", run: keygen},
		{name: "demo", usage: "[--keep]", help: "show a failover on this machine, in namespaces of its own", run: runDemo},
		{name: "status", usage: "[--json]", help: "is all well, where is each service, and why", run: status},
		{name: "events", usage: "[-f] [--json]", help: "what happened and what was decided", run: events},
		{name: "paths", usage: "[--json]", help: "the ways to the other nodes, and their state", run: paths},
		{name: "move", usage: "SERVICE [NODE]", help: "run a service elsewhere", run: change},
		{name: "start", usage: "SERVICE", help: "have a service run", run: change},
		{name: "stop", usage: "SERVICE", help: "have a service stopped until it is started", run: change},
		{name: "restart", usage: "SERVICE", help: "stop a service once and start it again", run: change},
		{name: "standby", usage: "NODE", help: "hand over a node's services; it stays a member", run: change},
		{name: "online", usage: "NODE", help: "let a node run services again", run: change},
		{name: "maintenance", usage: "on|off [SERVICE]", help: "start, stop and watch nothing until it is off", run: change},
		{name: "clear", usage: "SERVICE|NODE", help: "forget failures and moves", run: change},
		{name: "fence", usage: "NODE [--test|--confirm]", help: "switch a node off; test its switch; say that it is off", run: fence},
		{name: "apply", usage: "FILE", help: "have a new file take effect on all nodes", run: apply},
		{name: "simulate", usage: "[--config F] [--kill NODE] [--cut PATH] [--at T] …", help: "play the file: what happens if", run: runSimulate},
		{name: "version", help: "print the version", run: func(context.Context, *pflag.FlagSet, []string) error {
			fmt.Println("locum " + version)
			return nil
		}},
	}
}

func main() {
	demo.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:]))
}

// execute runs one command and gives its exit status.
func execute(ctx context.Context, args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		help(os.Stdout, args)
		if len(args) == 0 {
			return console.ExitUsage
		}
		return console.ExitDone
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.execute(ctx, args[1:])
		}
	}
	fmt.Fprintf(os.Stderr, "locum: no command %q; locum help lists them\n", args[0])
	return console.ExitUsage
}

func (c command) execute(ctx context.Context, args []string) int {
	fs := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	fs.SetOutput(io.Discard)
	err := c.run(context.WithValue(ctx, commandKey{}, c), fs, args)
	var failure *console.Failure
	switch {
	case err == nil:
		return console.ExitDone
	case errors.Is(err, pflag.ErrHelp):
		fmt.Printf("locum %s %s\n    %s\n%s", c.name, c.usage, c.help, fs.FlagUsages())
		return console.ExitDone
	case errors.As(err, &failure):
		fmt.Fprintf(os.Stderr, "locum %s: %s\n", c.name, failure.Text)
		return failure.Code
	}
	fmt.Fprintf(os.Stderr, "locum %s: %v\n", c.name, err)
	return console.ExitFailed
}

type commandKey struct{}

// parse reads a command's flags and checks how many words are left.
func parse(ctx context.Context, fs *pflag.FlagSet, args []string, least, most int) ([]string, error) {
	c, _ := ctx.Value(commandKey{}).(command)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil, err
		}
		return nil, &console.Failure{Code: console.ExitUsage, Text: err.Error() + "; usage: locum " + c.name + " " + c.usage}
	}
	if n := fs.NArg(); n < least || n > most {
		return nil, &console.Failure{Code: console.ExitUsage, Text: "usage: locum " + c.name + " " + c.usage}
	}
	return fs.Args(), nil
}

func help(w io.Writer, args []string) {
	if len(args) > 1 {
		for _, c := range commands() {
			if c.name == args[1] {
				fmt.Fprintf(w, "locum %s %s\n    %s\n", c.name, c.usage, c.help)
			}
		}
		return
	}
	fmt.Fprintln(w, "locum keeps services running on a small cluster. Begin with: locum demo")
	for _, c := range commands() {
		if !c.hidden {
			fmt.Fprintf(w, "  %-58s %s\n", strings.TrimSpace(c.name+" "+c.usage), c.help)
		}
	}
	fmt.Fprintln(w, "Exit status: 0 done, 1 failed, 2 wrong usage or file, 3 not running or not quorate.")
}
