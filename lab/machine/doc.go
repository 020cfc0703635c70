// Package machine makes virtual machines for tests that need a whole one: a hardware watchdog that resets it, a real UART, a
// kernel of its own. They are QEMU's, without hardware help, and boot in a few seconds.
//
// Its one idea: all cables end in the test. A network cable is two datagram sockets, a serial cable two streams; the test
// carries what goes over them, so that it can cut them, listen and speak itself, and nothing of the host's network is touched.
//
//	build.sh      fetches kernel, modules and an empty disk, once
//	image.go      the files that a machine boots with (cpio.go, modules.go)
//	machine.go    one machine: QEMU, its resets (monitor.go), what it is asked to do (talk.go)
//	cable.go      network cables, null modems; prober.go asks who has an address
//	guest/        the machine's first process
//
// Neighbours: none; package lab has worlds of namespaces, which are quicker and enough for most tests.
package machine
