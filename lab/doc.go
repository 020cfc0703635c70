// Package lab makes small worlds of real processes: nodes, a client and a power switch on one Ethernet switch, to try the
// whole program in, to show it and to measure it.
//
// Its one idea: a world has no name anywhere. Network namespaces are held by descriptors, files by a tmpfs in a mount
// namespace of one thread, nodes by the first process of a PID namespace that dies with that thread. So nothing of it can
// be seen on the host, and whatever ends the program that made it, a SIGKILL too, ends all of it.
//
// A node has its own processes, mounts, host name, network and boot id. It is crashed by taking its switch port down and
// killing everything in it. What happens is seen from outside: a Prober is the client, an Observer sees which node holds
// which address and when a node was last heard at its switch port, a PowerSwitch fences over HTTP and can misbehave.
//
// A Switch is a second segment, for paths: it can lose, delay, double and reorder frames, and stop some in one direction.
//
// With Options.Root the nodes are containers that boot a systemd of their own; they come and go in the same way.
//
// A program that makes worlds calls Main first. Neighbours: lab/demo shows a world to a newcomer, lab/bench measures in
// one; the tests of this package are those of the whole program.
package lab
