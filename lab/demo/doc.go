// Package demo is "locum demo": what a newcomer runs first.
//
// It makes a world of two nodes with a network and a serial cable between them, a client and a power switch, runs the real
// binary on both nodes, and plays three scenes: the network is cut, the node that serves is killed, and both cables are cut. It shows as it happens what the nodes decide
// and what the client sees, ends with the times, and fails if the service did not come back or ever had two owners.
//
// Its one idea: whatever it claims was seen from outside the program that it shows; only the sentences are the nodes' own.
// Neighbours: lab makes the world; console knows the nodes' events.
package demo
