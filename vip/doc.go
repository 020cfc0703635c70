// Package vip keeps a service address on an interface and tells the neighbours where it is.
//
// Its one idea: the kernel is the only memory. Whether the address is held is read from the kernel each time and never
// remembered, so that an engine that comes back after a crash adopts what it finds, and an address that somebody else
// took away or left behind is seen as what it is. All that has to be opened is opened beforehand, because Start lies on
// the path of every takeover.
//
// What is said to whom (frames.go) and when (schedule.go) is pure; kernel.go, link.go and address.go speak rtnetlink;
// voice.go and ear.go are packet sockets; announce.go goes on announcing while the address is held. The package knows
// neither nodes nor views: daemon joins it to the engine through the shape of agents.Agent, which VIP satisfies.
package vip
