// Package fence makes certain that a node runs nothing: it switches the node's power off and asks again until the device
// says off.
//
// Its one idea: nothing but "off", said in answer to a question asked after the shot, counts as done. A device that accepts
// and does nothing, hangs, answers late or fails has confirmed nothing, and the next level is tried. A device that says off
// before any shot is proof as well, and is not shot at. What was not seen to go from on to off is none while a device that knows the
// machine itself says on; nor is what was, if such a device, which has been told off before and did not obey, says on after it.
//
// A Device is one outlet, one file a type (http.go, snmp.go, ipmi.go, redfish.go, serial.go, libvirt.go, agent.go,
// manual.go); a kind of device that is only a table of words for one of them stands beside it (plugs.go, snmpkinds.go). A
// Ladder is all devices of one node by level; its Shoot is the shot, its Read the question, its Keep the question asked while
// all is well, so that a dead switch is known before it is needed. Package cluster decides whom to shoot and when; package
// daemon carries it here.
package fence
