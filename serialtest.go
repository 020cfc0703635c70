package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"locum/config"
	"locum/console"
	"locum/serialhb"
)

// serialTest says what a cable is good for, with the same command at its other end.
func serialTest(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	baud := fs.Int("baud", 115200, "the rate to begin with, the same at both ends")
	wait := fs.Duration("timeout", time.Minute, "how long all of it may take, with the wait for the other end")
	asJSON := jsonFlag(fs)
	words, err := parse(ctx, fs, args, 1, 1)
	if err != nil {
		return err
	}
	if !slices.Contains(config.Rates(), *baud) {
		return wrongUsage("--baud %d is no usual rate; there are: %s", *baud, strings.Trim(fmt.Sprint(config.Rates()), "[]"))
	}
	if *wait <= 0 {
		return wrongUsage("--timeout %s is no time to wait", *wait)
	}
	ctx, stop := context.WithTimeout(ctx, *wait)
	defer stop()
	r, err := serialhb.TestCable(ctx, words[0], *baud, func(s string) { fmt.Fprintln(os.Stderr, s) })
	if err != nil {
		return err
	}
	if *asJSON {
		err = writeJSON(struct {
			Version int `json:"version"`
			serialhb.Report
		}{console.ProtocolVersion, r})
	} else {
		showCable(r)
	}
	if err == nil && !r.OK {
		err = &console.Failure{Code: console.ExitFailed, Text: r.Verdict, Shown: *asJSON}
	}
	return err
}

// unfinished says why a greater rate may work as well.
func unfinished(r serialhb.Report) string {
	if r.Finished {
		return ""
	}
	return " (greater ones were not tried: the time was over, see --timeout, or the other end stopped)"
}

func showCable(r serialhb.Report) {
	fmt.Printf("%s: %s\n", r.Device, r.Verdict)
	if r.OK {
		fmt.Printf("  at %d baud: %d of the other end's probes came, %.1f %% lost, %d pieces of garbage; round trip %s\n",
			r.Baud, r.Heard, r.LossPct, r.Garbage, time.Duration(r.RTTMicros)*time.Microsecond)
		fmt.Printf("  greatest rate that works: %d baud%s\n", r.Greatest, unfinished(r))
	}
	if r.Modem != nil {
		fmt.Printf("  modem lines that are raised: %s (a cable of three wires raises none, and needs none without rtscts=yes)\n", strings.Join(append(r.Modem, ""), " "))
	}
}
