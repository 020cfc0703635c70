package console

import (
	"strings"
	"testing"
)

func TestAFenceTestIsWellOnlyIfItWasConfirmed(t *testing.T) {
	read := func(power, fault string) FenceTest {
		return FenceTest{Node: "beta", Name: "pdu", Power: power, Error: fault}
	}
	off := func(power string) FenceTest { return FenceTest{Node: "beta", Name: "off: pdu says off", Power: power} }
	hand := FenceTest{Node: "beta", Name: "hand", Level: 2, Power: "unknown", Error: "only an operator knows", Operator: true}
	for _, tc := range []struct {
		name  string
		power bool
		tests []FenceTest
		want  string
	}{
		{"a device that answers", false, []FenceTest{read("on", "")}, ""},
		{"a device that does not", false, []FenceTest{read("unknown", "time-out")}, "pdu does not answer as it should: time-out"},
		{"off, and on again", true, []FenceTest{off("off"), read("on", "")}, ""},
		{"not confirmed off", true, []FenceTest{off("unknown"), read("on", "")}, "unknown: it was not confirmed off"},
		{"off, and not on again", true, []FenceTest{off("off"), read("off", "")}, "is not on again"},
		{"a device, and an operator for when it is dead", false, []FenceTest{read("on", ""), hand}, ""},
		{"off and on again, and an operator", true, []FenceTest{off("off"), read("on", ""), hand}, ""},
		{"an operator alone", false, []FenceTest{hand}, "nothing was tested"},
		{"an operator, and a device that does not answer", false, []FenceTest{hand, read("unknown", "time-out")}, "pdu does not answer"},
		{"off, and the device refuses to switch on", true, []FenceTest{off("off"), {Name: "on", Error: "500"}, read("off", "")}, "on does not answer as it should: 500"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := FencesWell(tc.tests, tc.power)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}
