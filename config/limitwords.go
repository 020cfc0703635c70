package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"locum/wire"
)

// About reports whether the limit is one of the node's.
func (l Limit) About(n wire.Node) bool { return slices.Contains(l.Nodes, n) }

// Name is the limit as a line would say it, without its nodes: "disk=/var:1G for=30s".
func (l Limit) Name() string { return fmt.Sprintf("%s=%s for=%s", l.Kind, l.value(), l.For) }

func (l Limit) value() string {
	switch l.Kind {
	case LimitDisk:
		return l.Path + ":" + l.showBound()
	case LimitGateway:
		return l.gateways(",")
	case LimitLink:
		return l.Link
	}
	return l.showBound()
}

// showBound writes the limit itself, to the byte: two that differ have different names.
func (l Limit) showBound() string {
	if l.Kind == LimitMemory || l.Kind == LimitDisk {
		return exactSize(l.Bound)
	}
	return l.Show(l.Bound)
}

func (l Limit) gateways(between string) string {
	var list []string
	for _, a := range l.Gateways {
		list = append(list, a.String())
	}
	return strings.Join(list, between)
}

// Subject is what the limit is about: limits of one subject have the same readings.
func (l Limit) Subject() string {
	switch l.Kind {
	case LimitDisk, LimitGateway, LimitLink:
		return string(l.Kind) + " " + l.Path + l.gateways(",") + l.Link
	}
	return string(l.Kind)
}

// Show writes a value of what is limited: 9.3, 300M, 61.5 %.
func (l Limit) Show(value int64) string {
	switch l.Kind {
	case LimitMemory, LimitDisk:
		return FormatSize(value)
	case LimitGateway, LimitLink:
		return map[bool]string{true: "up", false: "down"}[value > 0]
	}
	return FormatHundredths(value)
}

// FormatHundredths writes hundredths without needless zeros: 9.3, 8.
func FormatHundredths(value int64) string {
	return strconv.FormatFloat(float64(value)/100, 'f', -1, 64)
}

// Words says that a node is at a value, and what the limit is: "load 9.3, limit 8, for 30s".
func (l Limit) Words(value int64) string {
	said := ""
	switch l.Kind {
	case LimitDisk:
		said = fmt.Sprintf("%s free for %s, limit %s", l.Show(value), l.Path, l.showBound())
	case LimitMemory:
		said = fmt.Sprintf("memory %s available, limit %s", l.Show(value), l.showBound())
	case LimitGateway:
		said = l.gatewayWords(value)
	case LimitLink:
		said = fmt.Sprintf("link %s %s", l.Link, l.Show(value))
	case LimitLoad:
		said = fmt.Sprintf("load %s, limit %s", l.Show(value), l.showBound())
	default:
		said = fmt.Sprintf("%s %s %%, limit %s %%", l.Kind, l.Show(value), l.showBound())
	}
	return said + ", for " + l.For.String()
}

// Past says what being past the limit is: "load over 8 for 30s".
func (l Limit) Past() string {
	past := ""
	switch l.Kind {
	case LimitDisk:
		past = fmt.Sprintf("less than %s free for %s", l.showBound(), l.Path)
	case LimitMemory:
		past = "less than " + l.showBound() + " of memory available"
	case LimitGateway:
		past = l.gatewayWords(0)
	case LimitLink:
		past = "link " + l.Link + " down"
	case LimitLoad:
		past = "load over " + l.showBound()
	default:
		past = fmt.Sprintf("%s over %s %%", l.Kind, l.showBound())
	}
	return past + " for " + l.For.String()
}

func (l Limit) gatewayWords(value int64) string {
	switch {
	case value > 0 && len(l.Gateways) > 1:
		return "one of the gateways " + l.gateways(", ") + " answers"
	case value > 0:
		return "gateway " + l.gateways("") + " answers"
	case len(l.Gateways) > 1:
		return "none of the gateways " + l.gateways(", ") + " answers"
	}
	return "gateway " + l.gateways("") + " does not answer"
}
