package console

import (
	"fmt"
	"io"
	"strings"

	"locum/cluster"
	"locum/wire"
)

// IsClean reports whether the cluster knows that a node runs nothing and is no member.
func IsClean(node string, st *cluster.Status) bool {
	if st == nil {
		return false
	}
	for _, n := range st.Nodes {
		if n.Name == node {
			return n.State == "clean" || n.State == "left"
		}
	}
	return false
}

// ShowFences writes what each device said.
func ShowFences(w io.Writer, tests []FenceTest) {
	t := table(w)
	fmt.Fprintln(t, "NODE\tDEVICE\tLEVEL\tPOWER\tTIME\tERROR")
	for _, f := range tests {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d ms\t%s\n", f.Node, f.Name, f.Level, f.Power, f.Millis, dash(f.Error))
	}
	t.Flush()
}

// FencesWell reports what a test of a node's devices found wrong: nil if each answered and, after a test of the power,
// the node was confirmed off and is on again. An operator is no device, and asked nothing.
func FencesWell(tests []FenceTest, power bool) error {
	off, on, devices := 0, 0, 0
	for _, f := range tests {
		if !f.Operator {
			devices++
		}
		switch {
		case f.Operator:
		case f.Error != "":
			return failure(ExitFailed, f.Name+" does not answer as it should: "+f.Error)
		case f.Power == wire.PowerOff.String() && strings.HasPrefix(f.Name, "off: "):
			off++
		case f.Power == wire.PowerOn.String():
			on++
		}
	}
	switch {
	case devices == 0:
		return failure(ExitFailed, "nothing was tested: there is only an operator to look")
	case power && off == 0:
		return failure(ExitFailed, "unknown: it was not confirmed off; do not rely on this fence")
	case power && on == 0:
		return failure(ExitFailed, "it was switched off and is not on again: switch it on by hand")
	}
	return nil
}
