package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"locum/console"
)

// client adds --socket and gives the client once the flags are parsed.
func client(fs *pflag.FlagSet) *console.Client {
	c := &console.Client{}
	fs.StringVar(&c.Socket, "socket", console.DefaultSocket, "the control socket of the node to ask")
	return c
}

func jsonFlag(fs *pflag.FlagSet) *bool {
	return fs.Bool("json", false, "for programs; the shape is stable, see locum(8)")
}

func writeJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func status(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	c, asJSON := client(fs), jsonFlag(fs)
	service := fs.String("why", "", "say why this service is where it is, and why it is on none of its other nodes")
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	if *service != "" {
		return why(ctx, c, *service, *asJSON)
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
		return &console.Failure{Code: console.ExitNotRunning, Text: "the engine is down or does not answer", Shown: true}
	case !reply.Status.Quorate:
		return &console.Failure{Code: console.ExitNotRunning, Text: "not quorate", Shown: true}
	}
	return nil
}

// why asks about one service.
func why(ctx context.Context, c *console.Client, service string, asJSON bool) error {
	list, err := c.Why(ctx, service)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(struct {
			Version  int                  `json:"version"`
			Services []console.ServiceWhy `json:"services"`
		}{console.ProtocolVersion, list})
	}
	console.ShowWhy(os.Stdout, list)
	return nil
}

func events(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	c := client(fs)
	follow := fs.BoolP("follow", "f", false, "go on showing what happens")
	asJSON := fs.Bool("json", false, "one JSON object a line; the shape is stable, see locum(8)")
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
	c, asJSON := client(fs), jsonFlag(fs)
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	reply, err := c.Ask(ctx, console.Request{Verb: "paths"})
	if err != nil {
		return err
	}
	if *asJSON {
		return writeJSON(console.PathsOf(reply))
	}
	console.ShowPaths(os.Stdout, reply)
	return nil
}

// names prints what shells complete: the services or the nodes of the cluster, a line each; nothing if nobody answers.
func names(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	c := client(fs)
	words, err := parse(ctx, fs, args, 1, 1)
	if err != nil {
		return err
	}
	reply, err := c.Ask(ctx, console.Request{Verb: "status"})
	if err != nil || reply.Status == nil {
		return nil
	}
	list := console.NodesOf(reply.Status)
	if words[0] == "services" {
		list = console.ServicesOf(reply.Status)
	}
	for _, name := range list {
		fmt.Println(name)
	}
	return nil
}
