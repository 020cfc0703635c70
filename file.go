package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"locum/config"
	"locum/console"
	"locum/daemon"
	"locum/simulate"
)

// defaultConfig is where the file lies.
const defaultConfig = "/etc/locum.conf"

// largestFile is more than any cluster needs, in bytes; the daemon takes no more either.
const largestFile = 1 << 20

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	switch {
	case os.IsNotExist(err):
		return "", wrongUsage("%s does not exist; name the file that is meant, or write it (the README has one to begin with)", name)
	case err != nil:
		return "", wrongUsage("%v", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largestFile+1))
	switch {
	case err != nil:
		return "", wrongUsage("%v", err)
	case len(text) > largestFile:
		return "", wrongUsage("%s: more than %d bytes: this is no file of locum's", name, largestFile)
	}
	return string(text), nil
}

func apply(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	ch := changeFlags(fs)
	words, err := parseChange(ctx, fs, ch, args, 1, 1)
	if err != nil {
		return err
	}
	text, err := readFile(words[0])
	if err != nil {
		return err
	}
	if _, problems := parseFile(words[0], text); len(problems.Errors) > 0 {
		return wrongUsage("%v", problems)
	}
	ch.Command = console.Command{Verb: "apply", Text: text, By: by()}
	return ch.Run(ctx)
}

func check(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	asJSON := jsonFlag(fs)
	node := fs.String("node", "", "which node this machine is; the short host name if not given")
	words, err := parse(ctx, fs, args, 0, 1)
	if err != nil {
		return err
	}
	file := defaultConfig
	if len(words) == 1 {
		file = words[0]
	}
	text, err := readFile(file)
	if err != nil {
		return err
	}
	cfg, problems := parseFile(file, text)
	var here daemon.Look
	if cfg != nil {
		here = daemon.LookAtMachine(file, *node, cfg)
		problems.Warnings = append(problems.Warnings, here.Found...)
	}
	if *node != "" && cfg != nil && here.Node == "" {
		names := nodeNames(cfg)
		return wrongUsage("%s has no node %q; there are %s%s", file, *node, strings.Join(names, ", "), console.DidYouMean(*node, names))
	}
	if *asJSON {
		if err := writeCheck(cfg, problems, here.Unseen); err != nil {
			return err
		}
	} else {
		showCheck(os.Stdout, file, here, cfg, problems)
	}
	if cfg == nil {
		return &console.Failure{Code: console.ExitUsage, Text: fmt.Sprintf("%s: %s", file, count(len(problems.Errors), "error")), Shown: true}
	}
	return nil
}

// parseFile reads a file with the errors that only those find who make its fence devices; the Config is nil if there is any.
func parseFile(file, text string) (*config.Config, *config.Problems) {
	cfg, problems := config.Parse(file, text)
	if cfg != nil {
		problems.Errors = daemon.FenceErrors(file, cfg)
	}
	if len(problems.Errors) > 0 {
		cfg = nil
	}
	return cfg, problems
}

// showCheck says what is wrong, what a good file means, and what of this machine could not be looked at.
func showCheck(w io.Writer, file string, here daemon.Look, cfg *config.Config, problems *config.Problems) {
	for _, p := range problems.Errors {
		fmt.Fprintln(w, p)
	}
	for _, p := range problems.Warnings {
		fmt.Fprintf(w, "%s (warning)\n", p)
	}
	if cfg == nil {
		return
	}
	fmt.Fprintf(w, "%s is good: cluster %s, %s, %s; lease %s\n", file, cfg.Cluster, count(len(cfg.Nodes), "node"), count(len(cfg.Services), "service"), cfg.Lease)
	if here.Node != "" {
		fmt.Fprintf(w, "this machine is %s: key, interfaces, devices and programs that it names were looked at\n", here.Node)
	}
	for _, what := range here.Unseen {
		fmt.Fprintf(w, "not looked at: %s\n", what)
	}
	config.WriteExplain(w, cfg.Explain())
	if len(cfg.Nodes) > 1 {
		simulate.WriteLosses(w, simulate.Losses(cfg))
	}
	if advice := cfg.Advice(); advice != "" {
		fmt.Fprintf(w, "\n%s\n", advice)
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// checked is what check says to programs.
type checked struct {
	Version  int             `json:"version"`
	Errors   []problem       `json:"errors"`
	Warnings []problem       `json:"warnings"`
	Means    []config.Row    `json:"means"`
	Losses   []simulate.Loss `json:"losses"` // what has no node when others are away
	Unseen   []string        `json:"not_looked_at"`
}

type problem struct {
	File string `json:"file"`
	Line int    `json:"line"` // 0: the file as a whole
	Text string `json:"text"`
}

func writeCheck(cfg *config.Config, problems *config.Problems, unseen []string) error {
	out := checked{Version: 1, Errors: []problem{}, Warnings: []problem{}, Means: []config.Row{}, Losses: []simulate.Loss{}, Unseen: append([]string{}, unseen...)}
	for _, p := range problems.Errors {
		out.Errors = append(out.Errors, problem(p))
	}
	for _, p := range problems.Warnings {
		out.Warnings = append(out.Warnings, problem(p))
	}
	if cfg != nil {
		out.Means = cfg.Explain()
		out.Losses = simulate.Losses(cfg)
	}
	for i := range out.Means {
		if out.Means[i].Terms == nil {
			out.Means[i].Terms = []config.Term{} // [], not null
		}
	}
	return writeJSON(out)
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
	print, err := console.WriteKey(words[0])
	if err != nil {
		return err
	}
	fmt.Printf("%s is written; copy it to every node, owner root, mode 0600. By its print nodes tell keys apart: %s\n", words[0], print)
	return nil
}
