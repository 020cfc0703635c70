// Command guest is the first process of a virtual machine of the lab. It mounts what there is, loads the kernel's modules,
// names the addresses, keeps locum running as systemd would, its stored descriptors included, and does what the test asks
// for over a port of its own. It is made small so that a machine boots in seconds without hardware help.
package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "become" {
		become(os.Args[2:])
	}
	if len(os.Args) > 3 && os.Args[1] == "nfs" {
		say(serveNFS(os.Args[2:]).Error())
		os.Exit(1)
	}
	if os.Getpid() != 1 {
		say("it is the first process of a machine, and is of no use elsewhere")
		os.Exit(2)
	}
	// What fails is said on the console and gone on from: the test learns more of a machine that is half there.
	for _, step := range []func() error{mountAll, loadModules, mountState, nameAddresses} {
		if err := step(); err != nil {
			say(err.Error())
		}
	}
	g := &guest{reaper: newReaper()}
	g.unit = newUnit(g.reaper)
	say(g.talk().Error())
	select {}
}

// become is how locum is started: LISTEN_PID of sd_listen_fds(3) is the process's own number, which only it knows.
func become(args []string) {
	if os.Getenv("LISTEN_FDS") != "" {
		_ = os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	}
	err := unix.Exec(args[0], args, os.Environ())
	say(args[0] + ": " + err.Error())
	os.Exit(127)
}

func say(text string) { fmt.Fprintln(os.Stderr, "guest: "+text) }
