package demo

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"locum/lab"
	"locum/wire"
)

// table ends the demo with its figures.
func (s *stage) table(l lost, d death, x split) {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	row := func(text string, at wire.Instant, why string) {
		when := "not seen"
		if at != 0 {
			when = fmt.Sprintf("%8.1f ms", float64(lab.Between(d.beat, at).Microseconds())/1000)
		}
		fmt.Fprintf(t, "  %s\t%s", text, when)
		if why != "" {
			fmt.Fprintf(t, "\t%s", why)
		}
		fmt.Fprintln(t)
	}
	row("the last beat of "+d.old+" is heard", d.beat, "")
	row(d.new+" declares it dead", d.dead, "dead=1s: every path was silent")
	order, price := "tiebreak fence delay=2s", "The delay of 2 s is the price of a tie-break by fencing alone"
	if s.disk {
		order, price = "tiebreak disk: two beats at most, then the claim", "The wait of two beats at most is the price of letting the side that serves be first"
	}
	row("the power switch is told off", d.asked, order)
	row("it is confirmed off", d.off, "the switch was asked again")
	row("the address is up on "+d.new, d.held, "")
	row("the client is answered by "+d.new, d.answered, "through its ordinary ARP cache")
	t.Flush()
	s.title("Measured from outside")
	s.say("Scene 1, the cut network: %s served on for %s over the serial cable, and the client's longest wait was %s.", l.owner,
		length(l.lasted), length(l.gap))
	s.print("Scene 2, the death of " + d.old + ":\n" + b.String())
	s.say("The client had no answer for %s.", length(d.outage))
	s.say("Scene 3, both cables cut: %s was off %s after the cut, %s served on, and the client's longest wait was %s.", x.shot,
		length(lab.Between(x.cut, x.off)), x.owner, length(x.gap))
	s.say("At no time did two nodes have the address. %s: it falls away when the node that dies did not carry the service.", price)
}

// keep leaves the world to play with until ctx ends.
func (s *stage) keep(ctx context.Context) {
	s.title("Yours to play with, until Ctrl-C")
	s.say("In another terminal, as root:\n")
	lines := ""
	for _, n := range s.world.Nodes {
		lines += fmt.Sprintf("  nsenter -t %d -m -p -u -i -n %s/locum status    # ask %s\n", n.Pid(), lab.NodeDir, n.Name)
	}
	first, second := s.world.Nodes[0], s.world.Nodes[1]
	lines += fmt.Sprintf("  nsenter -t %d -m -p -u -i -n %s/locum move web    # hand the service over\n", first.Pid(), lab.NodeDir)
	lines += fmt.Sprintf("  nsenter -t %d -m -p -u -i -n bash    # a shell on %s\n", second.Pid(), second.Name)
	lines += fmt.Sprintf("  kill -9 %d    # %s dies\n", first.Pid(), first.Name)
	lines += fmt.Sprintf("  nsenter --net=%s ping %s    # be the client\n", s.world.ClientPath(), vip)
	s.print(lines + "\n")
	<-ctx.Done()
}
