// Package heartbeat is the heart's part of the work: it beats on every path, judges which nodes live, keeps the lease by
// which this node may run services, and carries the messages of the engines.
//
// Its one idea: whatever is decided is decided in Heart.Step, which takes one input at one instant and gives what has to
// be done; it knows no clock, no socket and no process. A node's own stalls are inputs like any other: the heart knows
// when it should have run and when it did, and time in which it slept is held against nobody but itself.
//
//	paths --- Frame ---> Heart.Step --- Transmit ---> paths
//	timer --- Tick ----> detector.go  silence of the peers      --- WakeAt ----> timer
//	engine - FromEngine> peers.go     their lives and records   --- ToEngine --> engine
//	                     grants.go    under which view we grant --- Persist ---> /run
//	                     lease.go     how long we may serve     --- Reset -----> watchdog
//	                     messages.go  messages of the engines
//
// A caller drains every path first, then gives Tick{Drained: true}; outputs are carried out in their order, and a Persist
// that says Wait is finished before what follows it (output.go). What Step returns is valid until the next Step.
//
// Beside it stand the paths: Path is what the heart asks of one, UDP (udp.go) and Ethernet (ethernet.go) are the two over sockets.
//
// Neighbours: wire seals, opens and admits; inm keeps the message sessions; daemon owns the loop, the files and the
// engine's process; the engine's decisions are package cluster's.
package heartbeat
