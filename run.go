package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"locum/console"
	"locum/daemon"
)

func runDaemon(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	o := runFlags(fs)
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	if err := absolute(o); err != nil {
		return err
	}
	return daemon.Run(ctx, *o)
}

// wouldRun says what keeps this program from being the heart that runs with these flags.
func wouldRun(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	o := runFlags(fs)
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	return daemon.WouldRun(*o)
}

// absolute completes the name of the state directory: what lies there is found by processes that stand elsewhere.
func absolute(o *daemon.Options) (err error) {
	o.StateDir, err = filepath.Abs(o.StateDir)
	return err
}

func runFlags(fs *pflag.FlagSet) *daemon.Options {
	o := &daemon.Options{Version: version}
	fs.StringVar(&o.ConfigFile, "config", defaultConfig, "the file")
	fs.StringVar(&o.Node, "node", "", "which node this is; the short host name if not given")
	fs.StringVar(&o.StateDir, "state-dir", daemon.DefaultStateDir, "what must survive a boot")
	fs.StringVar(&o.Socket, "socket", console.DefaultSocket, "the control socket")
	return o
}

// leave is what locum.service stops a heart by: PID is its process. Without one it has ended by itself.
func leave(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	words, err := parse(ctx, fs, args, 0, 1)
	if err != nil || len(words) == 0 {
		return err
	}
	pid, err := strconv.Atoi(words[0])
	if err != nil {
		return wrongUsage("%q is no process", words[0])
	}
	return daemon.Leave(ctx, pid, socketOf(pid))
}

// socketOf is the control socket that a heart was started with.
func socketOf(pid int) string {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	words := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o := runFlags(fs)
	if len(words) > 2 && words[1] == "run" && fs.Parse(words[2:]) != nil {
		return console.DefaultSocket
	}
	return o.Socket
}

func runEngine(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	return daemon.RunEngine(ctx)
}
