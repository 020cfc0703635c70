package daemon

import (
	"locum/agents"
	"locum/config"
	"locum/fence"
	"locum/heartbeat"
	"locum/serialhb"
	"locum/vip"
	"locum/wire"
)

// These three tables are the list of what locum can do. A test holds them against config's.

// paths makes the paths of the file.
var paths = map[string]func(config.Path, wire.Node) (heartbeat.Path, error){
	"ethernet": func(line config.Path, self wire.Node) (heartbeat.Path, error) {
		return heartbeat.OpenEthernet(line, self)
	},
	"udp":    func(line config.Path, self wire.Node) (heartbeat.Path, error) { return heartbeat.OpenUDP(line, self) },
	"serial": func(line config.Path, self wire.Node) (heartbeat.Path, error) { return serialhb.Open(line, self) },
}

// fences makes the devices of the file.
var fences = map[string]fence.Constructor{
	"agent":        fence.NewAgent,
	"apc-snmp":     fence.NewSNMP,
	"apc2-snmp":    fence.NewSNMP,
	"eaton-snmp":   fence.NewSNMP,
	"raritan-snmp": fence.NewSNMP,
	"snmp":         fence.NewSNMP,
	"http":         fence.NewHTTP,
	"ipmi":         fence.NewIPMI,
	"libvirt":      fence.NewLibvirt,
	"manual":       fence.NewManual,
	"netio":        fence.NewPlug,
	"redfish":      fence.NewRedfish,
	"rps10":        fence.NewSerial(openPort),
	"serial":       fence.NewSerial(openPort),
	"shelly":       fence.NewPlug,
	"shelly-gen1":  fence.NewPlug,
	"tasmota":      fence.NewPlug,
}

// openPort opens a serial switch's port as that of a serial path.
func openPort(device string, baud int) (fence.Port, error) { return serialhb.OpenPort(device, baud) }

// world is what agents need of the machine.
type world struct {
	systemd  *agents.Systemd
	stateDir string
}

// resources makes the agents of the file.
var resources = map[string]func(config.Resource, world) (agents.Agent, error){
	"vip":  func(r config.Resource, _ world) (agents.Agent, error) { return vip.New(r) },
	"unit": func(r config.Resource, w world) (agents.Agent, error) { return agents.NewUnit(r, w.systemd) },
	"process": func(r config.Resource, w world) (agents.Agent, error) {
		return agents.NewProcess(r, w.stateDir, w.systemd)
	},
	"script": func(r config.Resource, w world) (agents.Agent, error) { return agents.NewScript(r, w.stateDir) },
}
