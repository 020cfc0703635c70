package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"locum/console"
)

func fence(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	ch := changeFlags(fs)
	test := fs.String("test", "", "ask the node's devices for its state; --test=power really switches it off and on")
	fs.Lookup("test").NoOptDefVal = "status"
	confirm := fs.Bool("confirm", false, "an operator's word: the node is off, I have looked; several at once: A,B")
	yes := fs.BoolP("yes", "y", false, "do not ask")
	words, err := parseChange(ctx, fs, ch, args, 1, 1)
	switch {
	case err != nil:
		return err
	case *test != "" && *confirm:
		return wrongUsage("--test asks the devices, --confirm speaks in their place: say one of them")
	case *test != "" && *test != "status" && *test != "power":
		return wrongUsage("--test=%s: write --test, or --test=power", *test)
	case !*confirm && strings.Contains(words[0], ","):
		return wrongUsage("%s: several nodes are named at once only with --confirm", words[0])
	}
	command := console.Command{Verb: "fence", Node: words[0], By: by()}
	if *confirm {
		command.Verb = "confirm"
	}
	st, err := nodesExist(ctx, ch, command.Nodes())
	switch {
	case err != nil:
		return err
	case *test == "power":
		return powerTest(ctx, ch, words[0], st, *yes)
	case *test != "":
		return fenceTest(ctx, ch, words[0], false)
	case *confirm:
		err = agreed(ctx, *yes, "If "+strings.Join(command.Nodes(), " or ")+" is not really off, its services will run twice and destroy data.", words[0])
	default:
		err = agreed(ctx, *yes, "This switches "+words[0]+" off, whatever runs on it.", words[0])
	}
	if err != nil {
		return err
	}
	ch.Command = command
	return ch.Run(ctx)
}

// nodesExist keeps an operator from being asked about a node that does not exist, or by a locum that does not run.
func nodesExist(ctx context.Context, ch *console.Change, nodes []string) (*console.Status, error) {
	reply, err := ch.Client.Ask(ctx, console.Request{Verb: "status"})
	if err != nil {
		return nil, err
	}
	for _, name := range nodes {
		if err := console.KnownNode(name, reply.Status); err != nil {
			return nil, err
		}
	}
	return reply.Status, nil
}

// agreed has the operator type the node's name. A signal ends it: nothing else listens to one while it reads.
func agreed(ctx context.Context, yes bool, warning, name string) error {
	if yes {
		return nil
	}
	fmt.Printf("%s\nType its name to go on: ", warning)
	typed, in := make(chan string, 1), os.Stdin
	go func() {
		var word string
		if _, err := fmt.Fscanln(in, &word); err != nil {
			word = ""
		}
		typed <- word
	}()
	select {
	case word := <-typed:
		if word == name && ctx.Err() == nil {
			return nil
		}
	case <-ctx.Done():
	}
	fmt.Println()
	return &console.Failure{Code: console.ExitFailed, Text: "nothing was done: " + name + " was not typed (-y does not ask)"}
}

// powerTest has the cluster fence the node before its devices are tried: a node that merely fell silent would be shot
// while it boots, and stay off.
func powerTest(ctx context.Context, ch *console.Change, node string, st *console.Status, yes bool) error {
	if st != nil && st.Node == node {
		return wrongUsage("this node cannot test its own power; ask another one")
	}
	if err := agreed(ctx, yes, "This really switches "+node+" off and on again, whatever runs on it.", node); err != nil {
		return err
	}
	if !console.IsClean(node, st) {
		ch.Command, ch.NoWait = console.Command{Verb: "fence", Node: node, By: by()}, false
		if err := ch.Run(ctx); err != nil {
			return err
		}
	}
	return fenceTest(ctx, ch, node, true)
}

func fenceTest(ctx context.Context, ch *console.Change, node string, power bool) error {
	c := ch.Client
	c.Timeout = ch.Timeout
	reply, err := c.Ask(ctx, console.Request{Verb: "fence-test", Node: node, Power: power})
	if err != nil {
		return err
	}
	console.ShowFences(os.Stdout, reply.Fences)
	return console.FencesWell(reply.Fences, power)
}
