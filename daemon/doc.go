// Package daemon is a running node: the only place that joins the parts.
//
// A node is two processes of one binary. The heart (Run; heart.go, carry.go, wait.go, path.go, seat.go, control.go) does
// only what must never stop: it carries frames between the paths and heartbeat.Heart, holds the control socket, and
// keeps the engine alive. The engine (RunEngine; engine.go, hear.go, act.go, worker.go, fencer.go, store.go, history.go, sample.go) carries events to
// cluster.Engine and has the actions done, each by its own worker, so that no slow thing waits behind another.
//
// Its one idea: nothing is decided here. Each process steps one pure function, one event at a time; what it does is to
// bring it the world and to take its answers there. The two talk over a socket pair in records (ipc.go), and either may
// die without the services noticing.
//
// Neighbours: everything but simulate; plugins.go is the list of what locum can do.
package daemon
