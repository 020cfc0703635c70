package main

import (
	"context"

	"github.com/spf13/pflag"

	"locum/console"
	"locum/daemon"
)

func runDaemon(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	o := daemon.Options{Version: version}
	fs.StringVar(&o.ConfigFile, "config", defaultConfig, "the file")
	fs.StringVar(&o.Node, "node", "", "which node this is; the short host name if not given")
	fs.StringVar(&o.StateDir, "state-dir", daemon.DefaultStateDir, "what must survive a boot")
	fs.StringVar(&o.Socket, "socket", console.DefaultSocket, "the control socket")
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	return daemon.Run(ctx, o)
}

func runEngine(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	return daemon.RunEngine(ctx)
}
