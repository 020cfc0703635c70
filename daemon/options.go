package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"locum/config"
	"locum/console"
)

// Options are what "locum run" is told.
type Options struct {
	ConfigFile string // absolute, or relative to the working directory
	Node       string // the node's name in the file; "" is the short host name
	StateDir   string // what must survive a boot
	Socket     string // the control socket
	Version    string // of the program
}

// runDir is where the state of this boot lies: beside the state directory if that is not the usual one, so that several
// nodes can run on one machine.
func (o Options) runDir() string {
	if filepath.Clean(o.StateDir) == DefaultStateDir {
		return DefaultRunDir
	}
	return filepath.Join(o.StateDir, "run")
}

// forceFile is the file in force, in the state directory: the copy of the text under which this node was last a member.
const forceFile = "locum.conf"

const maxConfig = 1 << 20

// readConfig gives the file in force: the copy in the state directory, else, before the node ever was a member, the file
// itself. What was edited since and not applied is reported (drift), not followed. A file that was applied after the copy, which
// only a member can have had, is taken as if that member had handed it over: a node that no member can hear any more, because the
// cluster's key was replaced while it was away, comes back so.
func readConfig(o Options, state *stateDir) (*config.Config, error) {
	path := state.file(forceFile)
	text, err := readBounded(path, maxConfig)
	if errors.Is(err, os.ErrNotExist) {
		path = o.ConfigFile
		text, err = readBounded(path, maxConfig)
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, usageError("%v; write it (the README has one to begin with), or name another with --config", err)
	case err != nil:
		return nil, usageError("%v", err)
	}
	cfg, problems := config.Parse(path, string(text))
	if cfg == nil {
		return nil, usageError("%v", problems)
	}
	if brought := broughtConfig(o); brought != nil && brought.Cluster == cfg.Cluster && brought.AppliedAfter(cfg) {
		return brought, nil
	}
	return cfg, nil
}

// broughtConfig is the file in its usual place, nil if it has errors.
func broughtConfig(o Options) *config.Config {
	text, err := readBounded(o.ConfigFile, maxConfig)
	if err != nil {
		return nil
	}
	cfg, _ := config.Parse(o.ConfigFile, string(text))
	return cfg
}

// drift says how the file differs from what is in force, "" if it does not.
func drift(o Options, cfg *config.Config) string {
	text, err := readBounded(o.ConfigFile, maxConfig)
	if err != nil {
		return err.Error()
	}
	switch now, problems := config.Parse(o.ConfigFile, string(text)); {
	case now == nil:
		return fmt.Sprintf("%s was edited and has %d errors (locum check %s); what it held before is in force",
			o.ConfigFile, len(problems.Errors), o.ConfigFile)
	case !now.SaysTheSame(cfg):
		return fmt.Sprintf("%s was edited and not applied: what it held before is in force (locum apply %s)", o.ConfigFile, o.ConfigFile)
	}
	return ""
}

// FindSelf gives a machine's line in a file, by the name given or, without one, by its own.
func FindSelf(file, name string, cfg *config.Config) (config.Node, error) {
	return findSelf(Options{ConfigFile: file, Node: name}, cfg)
}

// findSelf gives this node's line.
func findSelf(o Options, cfg *config.Config) (config.Node, error) {
	name := o.Node
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return config.Node{}, err
		}
		name, _, _ = strings.Cut(host, ".")
	}
	self, ok := cfg.NodeByName(name)
	if !ok {
		var names []string
		for _, n := range cfg.Nodes {
			names = append(names, n.Name)
		}
		return self, usageError("%s has no node line for %q, only for %s%s; add one, or say which node this is with --node", o.ConfigFile, name,
			strings.Join(names, ", "), console.DidYouMean(name, names))
	}
	return self, nil
}

func usageError(format string, args ...any) error {
	return &console.Failure{Code: console.ExitUsage, Text: fmt.Sprintf(format, args...)}
}
