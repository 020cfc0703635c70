package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// playLoad is a process of a load; it begins once it is in its group, and is killed at the end.
func playLoad(args []string) {
	size := 0
	if len(args) > 1 {
		size, _ = strconv.Atoi(args[1])
	}
	if args[0] == "bare" && len(args) > 2 {
		cpu, _ := strconv.Atoi(args[2])
		fmt.Fprintln(os.Stderr, "soak bare loop:", bare(time.Duration(size), cpu))
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	var err error
	switch args[0] {
	case "busy":
		for rounds := uint64(1); rounds != 0; rounds++ {
		}
	case "pages":
		touch(size)
	case "grow":
		grow()
	case "forks":
		err = forks()
	case "fsync":
		err = fsyncs()
	default:
		err = fmt.Errorf("there is no such part: %s", args[0])
	}
	fmt.Fprintln(os.Stderr, "soak load:", err)
	os.Exit(1)
}

const page = 4096

// touch takes its share of the group but for a few megabytes, and reads files as large as that again and again: there is
// room for one or the other, so that what is not locked is thrown out and read back all the time. What locum takes of the group
// meanwhile may leave too little of it; then this is killed and begins anew.
func touch(size int) {
	dieFirst()
	mine := make([]byte, size*9/10)
	self := make([]byte, page)
	for i := 0; ; i++ {
		for at := 0; at < len(mine); at += page {
			mine[at]++
		}
		if f, err := os.Open("/proc/self/exe"); err == nil {
			for {
				if _, err := f.Read(self); err != nil {
					break
				}
			}
			f.Close()
		}
	}
}

// held is what grow has taken.
var held [][]byte

// dieFirst has this process killed for lack of memory before any other, also on a machine that refuses the hearts their exemption.
func dieFirst() {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		fmt.Fprintln(os.Stderr, "soak load:", err)
	}
}

// grow takes memory until it is killed for it.
func grow() {
	dieFirst()
	for {
		more := make([]byte, megabyte)
		for at := 0; at < len(more); at += page {
			more[at] = 1
		}
		held = append(held, more)
	}
}

// forks starts and ends processes as fast as it can.
func forks() error {
	for {
		if err := exec.Command("/bin/true").Run(); err != nil {
			return err
		}
	}
}

// fsyncs writes to the disk of this directory and waits for each write.
func fsyncs() error {
	f, err := os.CreateTemp(".", ".soak")
	if err != nil {
		return err
	}
	_ = os.Remove(f.Name())
	for block := make([]byte, 64*page); ; {
		if _, err := f.WriteAt(block, 0); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
}
