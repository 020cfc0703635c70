package health

import (
	"time"

	"locum/config"
)

// source tells one value, in the unit of a limit's Bound. It may take as long as it likes, but is asked by one asker.
type source func() (int64, error)

// sourceOf is where the reading of a limit comes from. within is how long an answer is waited for.
func sourceOf(l config.Limit, proc string, within time.Duration) source {
	switch l.Kind {
	case config.LimitMemory:
		return memory(proc)
	case config.LimitDisk:
		return room(l.Path)
	case config.LimitLink:
		return link(l.Link)
	case config.LimitGateway:
		return gateways(l.Gateways, within*4/5) // so that its "no" comes in time
	case config.LimitCPUPressure, config.LimitIOPressure, config.LimitMemoryPressure:
		return pressure(proc, l.Kind)
	}
	return load(proc)
}

func load(proc string) source   { return fromProc(proc, "loadavg", parseLoad) }
func memory(proc string) source { return fromProc(proc, "meminfo", parseMemory) }
