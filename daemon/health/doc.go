// Package health samples what a node says of itself: its load, its pressure, its memory, the room on its disks, its links, and whether
// its gateways answer. It decides nothing: cluster/health.go judges what comes of it.
//
//	parse.go     what the kernel's files say                                        pure
//	sources.go   where each limit's reading comes from: proc.go, link.go, gateway.go
//	asker.go     asks one source, on a goroutine of its own
//	sampler.go   asks all of them, and gives what came in time
//
// Its one idea: whatever may hang hangs alone. A file system whose server is gone keeps one goroutine waiting; all other readings
// come as ever, and its own is "unknown" until it answers.
//
// Neighbours: cluster, config, wire; daemon runs it in the engine's process.
package health
