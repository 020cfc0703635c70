package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Amount is how much of a unit there is or is needed, in thousandths: "cpu:0.5" is 500, "mem:4G" is 4 GiB times 1000. The units are
// whatever the file names; locum measures none of them, it only adds up.
type Amount int64

// mostAmount is 8 EiB in thousandths, divided so that a thousand of them can be added.
const mostAmount = 1 << 53

// amountSuffixes are powers of 1024, the largest first.
var amountSuffixes = []struct {
	letter string
	times  Amount
}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}}

// String is the amount as it is written in the file: "4G", "0.5", "12".
func (a Amount) String() string {
	for _, s := range amountSuffixes {
		if unit := s.times * 1000; a != 0 && a%(unit/1000) == 0 && a >= unit {
			return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(float64(a)/float64(unit), 'f', 3, 64), "0"), ".") + s.letter
		}
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(float64(a)/1000, 'f', 3, 64), "0"), ".")
}

// parseAmount reads "4G", "0.5" or "12".
func parseAmount(text string) (Amount, error) {
	number, times := text, Amount(1)
	for _, s := range amountSuffixes {
		if rest, ok := strings.CutSuffix(strings.ToUpper(text), s.letter); ok {
			number, times = rest, s.times
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0) || strings.ContainsAny(number, "eExXpP_+") {
		return 0, fmt.Errorf("%q is not an amount; write for example 2, 0.5, 512M or 4G", text)
	}
	if f*1000*float64(times) > mostAmount {
		return 0, fmt.Errorf("%s is more than can be added up; at most 8T", text)
	}
	return Amount(f*1000+0.5) * times, nil
}

// Measure is an amount of one unit: a part of a node's capacity, or of a service's weight.
type Measure struct {
	Unit   string // cpu, mem, or any other name
	Amount Amount
}

// AmountOf finds a unit's amount; false if the unit is not named.
func AmountOf(list []Measure, unit string) (Amount, bool) {
	for _, m := range list {
		if m.Unit == unit {
			return m.Amount, true
		}
	}
	return 0, false
}

// measures reads "cpu:2,mem:4G", in order of unit.
func (p *parser) measures(l line, key string) []Measure {
	v, ok := l.value(key)
	if !ok {
		return nil
	}
	var list []Measure
	for part := range strings.SplitSeq(v, ",") {
		unit, text, both := strings.Cut(part, ":")
		if !both || !isKey(unit) || len(unit) > 32 {
			p.add(l.number, "%s=%s: write each unit with its amount, for example %s=cpu:2,mem:4G", key, v, key)
			return nil
		}
		amount, err := parseAmount(text)
		if err != nil {
			p.add(l.number, "%s: %s: %s", key, unit, err)
			return nil
		}
		if _, twice := AmountOf(list, unit); twice {
			p.add(l.number, "%s: unit %s stands twice", key, unit)
		}
		list = append(list, Measure{unit, amount})
	}
	slices.SortFunc(list, func(a, b Measure) int { return cmp.Compare(a.Unit, b.Unit) })
	return list
}

// Units lists every unit that a service weighs, in order of name.
func (c *Config) Units() []string {
	var list []string
	for i := range c.Services {
		for _, m := range c.Services[i].Weight {
			if at, found := slices.BinarySearch(list, m.Unit); !found {
				list = slices.Insert(list, at, m.Unit)
			}
		}
	}
	return list
}
