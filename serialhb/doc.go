// Package serialhb is the serial path: a null modem between two nodes, or a ring of cables with two ports a node.
//
// Its one idea: a slow line belongs to the beats. Each line has one writer that never has more than one frame under way,
// reckons when the line is free again, and then sends the newest beat before anything else. All is done by one
// goroutine, the heart's, without blocking; the path's descriptor is an epoll of the ports and of a timer that says when a
// line is free. Framing only drops garbage early: every frame is authenticated above, by wire. heartbeat is its neighbour
// and is not imported: a Serial satisfies heartbeat.Path.
package serialhb
