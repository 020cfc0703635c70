package lab

import (
	"fmt"
	"os"
	"path/filepath"
)

// programName is how a world's own processes are called. Main knows them by it.
const programName = "locum-lab"

// Main has to be called first by every program that makes worlds, and by TestMain. In a process that a world started it
// plays that process's part and does not return; otherwise it does nothing.
func Main() {
	if len(os.Args) < 2 || filepath.Base(os.Args[0]) != programName {
		return
	}
	var err error
	switch part := os.Args[1]; part {
	case "node":
		err = playNode()
	case "switch":
		err = playSwitch(os.Args[2:])
	case "echo":
		err = playEcho(os.Args[2:])
	default:
		err = fmt.Errorf("no such part: %q", part)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s %s: %v\n", programName, os.Args[1], err)
		os.Exit(1)
	}
	os.Exit(0)
}
