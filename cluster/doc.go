// Package cluster takes the decisions: who is a member, who is quorate, who may be counted as dead, which service runs
// where, and in which order that comes about.
//
// Its one idea: everything that happens is an Event, everything to be done is an Action, and between them stands one
// function, Step, with no clock, no I/O, no goroutine and no chance of its own. An event only changes facts; what has to
// be done is then derived from all facts anew (Engine.advance), so that a lost, late or doubled event cannot leave a
// decision half taken.
//
// One death, file by file: election.go notices that the view is no longer whole and proposes a new one; promise.go has
// the others promise it; quorum.go counts; tie.go decides what happens with exactly half; fencing.go shoots and waits for
// proof; clean.go keeps what is proven; placement.go says where services should be; orders.go tells the members;
// local.go carries the orders out here, resource by resource.
//
// Neighbours: the heart (package heartbeat) says who lives and holds the lease; package daemon carries events in and
// actions out; package simulate drives all of it through disasters.
package cluster
