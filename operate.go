package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"time"

	"github.com/spf13/pflag"

	"locum/config"
	"locum/console"
)

// defaultConfig is where the file lies.
const defaultConfig = "/etc/locum.conf"

// client adds --socket and gives the client once the flags are parsed.
func client(fs *pflag.FlagSet) *console.Client {
	c := &console.Client{}
	fs.StringVar(&c.Socket, "socket", console.DefaultSocket, "the control socket of the node to ask")
	return c
}

func writeJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func status(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	c := client(fs)
	asJSON := fs.Bool("json", false, "for programs; the shape is stable")
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	reply, err := c.Ask(ctx, console.Request{Verb: "status"})
	if err != nil {
		return err
	}
	if *asJSON {
		err = writeJSON(reply)
	} else {
		console.ShowStatus(os.Stdout, reply)
	}
	switch {
	case err != nil:
		return err
	case reply.Status == nil:
		return &console.Failure{Code: console.ExitFailed, Text: "the engine is down or does not answer"}
	case !reply.Status.Quorate:
		return &console.Failure{Code: console.ExitNotRunning, Text: "not quorate"}
	}
	return nil
}

func events(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	c := client(fs)
	follow := fs.BoolP("follow", "f", false, "go on showing what happens")
	asJSON := fs.Bool("json", false, "one JSON object a line")
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	err := c.Each(ctx, console.Request{Verb: "events", Follow: *follow}, func(r *console.Reply) error {
		switch {
		case r.Event == nil:
			return nil
		case *asJSON:
			return json.NewEncoder(os.Stdout).Encode(r.Event)
		}
		console.ShowEvent(os.Stdout, r.Event)
		return nil
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func paths(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	c := client(fs)
	asJSON := fs.Bool("json", false, "for programs; the shape is stable")
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	reply, err := c.Ask(ctx, console.Request{Verb: "paths"})
	if err != nil {
		return err
	}
	if *asJSON {
		return writeJSON(reply)
	}
	console.ShowPaths(os.Stdout, reply)
	return nil
}

// changeFlags are those of every command that changes something.
func changeFlags(fs *pflag.FlagSet) *console.Change {
	ch := &console.Change{Out: os.Stdout, Live: terminal(os.Stdout)}
	fs.StringVar(&ch.Client.Socket, "socket", console.DefaultSocket, "the control socket of the node to ask")
	fs.DurationVar(&ch.Timeout, "timeout", 2*time.Minute, "how long to wait until it is so")
	fs.BoolVar(&ch.NoWait, "no-wait", false, "return once it is acknowledged")
	return ch
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func by() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// change runs every command that changes one thing: its name is the verb.
func change(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	ch := changeFlags(fs)
	c, _ := ctx.Value(commandKey{}).(command)
	words, err := parse(ctx, fs, args, 1, 2)
	if err != nil {
		return err
	}
	cmd, err := commandOf(ctx, ch, c.name, words)
	if err != nil {
		return err
	}
	cmd.By = by()
	ch.Command = cmd
	return ch.Run(ctx)
}

func commandOf(ctx context.Context, ch *console.Change, verb string, words []string) (console.Command, error) {
	cmd := console.Command{Verb: verb}
	usage := &console.Failure{Code: console.ExitUsage, Text: "too many words; see locum help " + verb}
	switch verb {
	case "move":
		cmd.Service = words[0]
		if len(words) == 2 {
			cmd.Node = words[1]
		}
		return cmd, nil
	case "maintenance":
		if words[0] != "on" && words[0] != "off" {
			return cmd, &console.Failure{Code: console.ExitUsage, Text: fmt.Sprintf("%q is neither on nor off", words[0])}
		}
		cmd.On = words[0] == "on"
		if len(words) == 2 {
			cmd.Service = words[1]
		}
		return cmd, nil
	}
	if len(words) > 1 {
		return cmd, usage
	}
	switch verb {
	case "standby", "online":
		cmd.Node = words[0]
	case "clear":
		return clearOf(ctx, ch, words[0])
	default:
		cmd.Service = words[0]
	}
	return cmd, nil
}

// clearOf finds out whether a word names a node or a service.
func clearOf(ctx context.Context, ch *console.Change, word string) (console.Command, error) {
	reply, err := ch.Client.Ask(ctx, console.Request{Verb: "status"})
	if err != nil {
		return console.Command{}, err
	}
	if reply.Status != nil {
		for _, n := range reply.Status.Nodes {
			if n.Name == word {
				return console.Command{Verb: "clear", Node: word}, nil
			}
		}
	}
	return console.Command{Verb: "clear", Service: word}, nil
}

func fence(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	ch := changeFlags(fs)
	test := fs.String("test", "", "ask the node's devices for its state; --test=power really switches it off and on")
	fs.Lookup("test").NoOptDefVal = "status"
	confirm := fs.Bool("confirm", false, "an operator's word: the node is off, I have looked")
	yes := fs.BoolP("yes", "y", false, "do not ask")
	words, err := parse(ctx, fs, args, 1, 1)
	if err != nil {
		return err
	}
	switch {
	case *test != "" && *test != "status" && *test != "power":
		return &console.Failure{Code: console.ExitUsage, Text: "--test takes nothing, or power"}
	case *test != "":
		return fenceTest(ctx, ch, words[0], *test == "power", *yes)
	}
	ch.Command = console.Command{Verb: "fence", Node: words[0], By: by()}
	question := "This switches " + words[0] + " off, whatever runs on it."
	if *confirm {
		ch.Command.Verb = "confirm"
		question = "If " + words[0] + " is not really off, its services will run twice and destroy data."
	}
	if !*yes && !agreed(question, words[0]) {
		return &console.Failure{Code: console.ExitFailed, Text: "nothing was done"}
	}
	return ch.Run(ctx)
}

// agreed has the operator type the node's name.
func agreed(question, name string) bool {
	fmt.Printf("%s\nType its name to go on: ", question)
	var typed string
	if _, err := fmt.Scanln(&typed); err != nil {
		return false
	}
	return typed == name
}

func fenceTest(ctx context.Context, ch *console.Change, node string, power, yes bool) error {
	if power && !yes && !agreed("This really switches "+node+" off and on again.", node) {
		return &console.Failure{Code: console.ExitFailed, Text: "nothing was done"}
	}
	c := ch.Client
	c.Timeout = ch.Timeout
	reply, err := c.Ask(ctx, console.Request{Verb: "fence-test", Node: node, Power: power})
	if err != nil {
		return err
	}
	console.ShowFences(os.Stdout, reply.Fences)
	for _, f := range reply.Fences {
		if f.Error != "" {
			return &console.Failure{Code: console.ExitFailed, Text: f.Name + " does not answer as it should"}
		}
	}
	return nil
}

func apply(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	ch := changeFlags(fs)
	words, err := parse(ctx, fs, args, 1, 1)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(words[0])
	if err != nil {
		return &console.Failure{Code: console.ExitUsage, Text: err.Error()}
	}
	if _, problems := config.Parse(words[0], string(text)); len(problems.Errors) > 0 {
		return &console.Failure{Code: console.ExitUsage, Text: problems.Error()}
	}
	ch.Command = console.Command{Verb: "apply", Text: string(text), By: by()}
	return ch.Run(ctx)
}

func check(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	asJSON := fs.Bool("json", false, "for programs; the shape is stable")
	words, err := parse(ctx, fs, args, 0, 1)
	if err != nil {
		return err
	}
	file := defaultConfig
	if len(words) == 1 {
		file = words[0]
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return &console.Failure{Code: console.ExitUsage, Text: err.Error()}
	}
	cfg, problems := config.Parse(file, string(text))
	if *asJSON {
		if err := writeCheck(cfg, problems); err != nil {
			return err
		}
	} else {
		showCheck(os.Stdout, file, cfg, problems)
	}
	if cfg == nil {
		return &console.Failure{Code: console.ExitUsage, Text: fmt.Sprintf("%d errors", len(problems.Errors))}
	}
	return nil
}

func showCheck(w io.Writer, file string, cfg *config.Config, problems *config.Problems) {
	for _, p := range problems.Errors {
		fmt.Fprintln(w, p)
	}
	for _, p := range problems.Warnings {
		fmt.Fprintf(w, "%s (warning)\n", p)
	}
	if cfg == nil {
		return
	}
	fmt.Fprintf(w, "%s is good: cluster %s, %d nodes, %d services; lease %s\n", file, cfg.Cluster, len(cfg.Nodes), len(cfg.Services), cfg.Lease)
	config.WriteExplain(w, cfg.Explain())
	if advice := cfg.Advice(); advice != "" {
		fmt.Fprintf(w, "\n%s\n", advice)
	}
}

func writeCheck(cfg *config.Config, problems *config.Problems) error {
	type problem struct {
		File string `json:"file"`
		Line int    `json:"line"`
		Text string `json:"text"`
	}
	list := func(from []config.Problem) []problem {
		out := []problem{}
		for _, p := range from {
			out = append(out, problem(p))
		}
		return out
	}
	rows := []config.Row{}
	if cfg != nil {
		rows = cfg.Explain()
	}
	return writeJSON(map[string]any{"version": 1, "errors": list(problems.Errors), "warnings": list(problems.Warnings), "means": rows})
}

func keygen(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	words, err := parse(ctx, fs, args, 0, 1)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		text, err := console.NewKey()
		fmt.Print(text)
		return err
	}
	if err := console.WriteKey(words[0]); err != nil {
		return err
	}
	fmt.Printf("%s is written; copy it to every node, owner root, mode 0600\n", words[0])
	return nil
}
