// Package replay keeps what an engine has lived through, so that it can be played again: locum replay.
//
//	Engine -- Freeze --> state      a whole engine as bytes; Thaw makes one of them that decides as the first would
//	         Entry, Head            one step, and how a record begins: codec.go, entry.go
//	         Play                   thaws, steps on the events again, and compares what the engine wants done: play.go
//
// It is pure; the daemon writes the files. Neighbours: cluster, config, wire.
package replay
