package console

import (
	"fmt"
	"slices"
	"strings"

	"locum/cluster"
)

// outcome is how far what a command asked for is so.
type outcome struct {
	done     bool
	so       []string // what is so now, a line each, if it is done; none if the acknowledgement says it all
	progress string   // what it waits for if it is not done
	failed   string   // why it will not be so, "" if it may
}

// settled compares what a command asked for with what is so.
func settled(c cluster.Command, before, now *cluster.Status) outcome {
	all := outcome{done: true}
	switch c.Verb {
	case "move", "start", "stop", "restart":
		for _, s := range now.Services {
			if s.Service != c.Service && s.Group != c.Service {
				continue
			}
			if s.Extra && s.State == "blocked" && s.Group == c.Service && c.Verb != "stop" {
				continue // there is no room for it, and it need not run
			}
			o := oneSettled(c, before, now, s)
			if !o.done {
				return o
			}
			all.so = append(all.so, o.so...)
		}
	case "fence": // the answer may come before the end: a leader has another node fence it
		for _, n := range now.Nodes {
			if n.Name == c.Node && (n.State == "member" || n.State == "late" || n.State == "dead") {
				return outcome{progress: n.Name + " is " + n.State + ": " + n.Why}
			}
			if n.Name == c.Node {
				all.so = []string{n.Name + " is " + n.State + ": " + n.Why}
			}
		}
	case "standby":
		for _, s := range now.Services {
			if !told(now, s) {
				return outcome{progress: s.Service + ": " + s.Why}
			}
			for _, in := range s.On {
				if in.Node == c.Node && in.State != "stopped" {
					return outcome{progress: fmt.Sprintf("%s is %s on %s", s.Service, in.State, in.Node)}
				}
			}
		}
		all.so = []string{c.Node + " runs no service"}
	}
	return all
}

// oneSettled is how far one of the services is that a command was about.
func oneSettled(c cluster.Command, before, now *cluster.Status, s cluster.ServiceStatus) outcome {
	if !told(now, s) {
		return outcome{progress: s.Service + ": " + s.Why}
	}
	o := serviceSettled(c, before, s)
	if s.Maintenance && c.Verb == "restart" {
		return outcome{progress: o.progress} // which runs because it is not stopped
	}
	if !o.done && o.failed == "" && c.Verb != "stop" {
		o.failed = needsClear(s, now.Waits)
	}
	return o
}

// told reports whether a status has the word of each member on a service. A node that does not lead knows only its own
// until the leader has told it what the others say, which it does anew in each view.
func told(st *cluster.Status, s cluster.ServiceStatus) bool {
	for _, n := range st.Nodes {
		if n.State != "member" && n.State != "late" {
			continue
		}
		if !slices.ContainsFunc(s.On, func(in cluster.InstanceStatus) bool { return in.Node == n.Name }) {
			return false
		}
	}
	return true
}

func serviceSettled(c cluster.Command, before *cluster.Status, s cluster.ServiceStatus) outcome {
	o := outcome{progress: progressOf(s), so: []string{s.Service + " is running on " + s.Node}}
	switch c.Verb {
	case "stop":
		o.done, o.so = s.State == "stopped", []string{s.Service + " is stopped"}
		return o
	case "move":
		was := serviceOf(before, c.Service)
		o.done = s.State == "running" && (s.Node == c.Node || c.Node == "" && s.Node != was.Node)
		o.failed = failedOn(c.Node, was, s)
		return o
	}
	o.done = s.State == "running"
	if s.State == "failed" {
		o.failed = fmt.Sprintf("%s failed: %s (locum clear %s once it is mended)", s.Service, s.Why, s.Service)
	}
	return o
}

// needsClear says why a service that is to run waits for an operator, "" if it does not.
func needsClear(s cluster.ServiceStatus, waits []cluster.Wait) string {
	for _, w := range waits {
		if s.State == "blocked" && w.What == "service "+s.Service && w.Command == "locum clear "+s.Service {
			return fmt.Sprintf("%s is blocked: %s (locum clear %s once it is mended)", s.Service, w.For, s.Service)
		}
	}
	return ""
}

func progressOf(s cluster.ServiceStatus) string {
	text := s.Service + " is " + s.State
	if s.Node != "" {
		text += " on " + s.Node
	}
	if why := strings.TrimSpace(s.Why); why != "" {
		text += ": " + why
	}
	return text
}

// failedOn says why a service does not come to the node to which it was to move: it has failed there since, and is
// elsewhere again. "" if it may still come.
func failedOn(node string, was, is cluster.ServiceStatus) string {
	now := instanceOn(is, node)
	if now.Detail == "" || now.Detail == instanceOn(was, node).Detail || now.State != "stopped" && now.State != "stuck" || is.Node == node && now.State != "stuck" {
		return ""
	}
	return fmt.Sprintf("%s failed on %s: %s (locum clear %s once it is mended)", is.Service, node, now.Detail, is.Service)
}

func instanceOn(s cluster.ServiceStatus, node string) cluster.InstanceStatus {
	for _, in := range s.On {
		if in.Node == node {
			return in
		}
	}
	return cluster.InstanceStatus{}
}

func serviceOf(st *cluster.Status, service string) cluster.ServiceStatus {
	if st != nil {
		for _, s := range st.Services {
			if s.Service == service {
				return s
			}
		}
	}
	return cluster.ServiceStatus{}
}
