package main

import (
	"context"
	"os"

	"github.com/spf13/pflag"

	"locum/lab/demo"
)

func runDemo(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	var o demo.Options
	fs.BoolVar(&o.Keep, "keep", false, "leave it to play with, until Ctrl-C")
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	return demo.Run(ctx, os.Stdout, o)
}
