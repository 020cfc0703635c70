package serialhb

import "testing"

func TestARateIsJudgedByWhatComesBetweenTheFirstAndTheNewest(t *testing.T) {
	type heard struct {
		seq    uint32
		spoilt uint64
	}
	for name, c := range map[string]struct {
		probes []heard
		well   bool
	}{
		"all":                       {[]heard{{7, 0}, {8, 0}, {9, 0}, {10, 0}, {11, 0}}, true},
		"after an end that is late": {[]heard{{19, 40}, {20, 40}, {21, 40}, {22, 40}, {23, 40}}, true},
		"too few":                   {[]heard{{7, 0}, {8, 0}, {9, 0}, {10, 0}}, false},
		"one of six lost":           {[]heard{{7, 0}, {8, 0}, {10, 0}, {11, 0}, {12, 0}}, true},
		"two of seven lost":         {[]heard{{7, 0}, {8, 0}, {10, 0}, {11, 0}, {13, 0}}, false},
		"garbage between":           {[]heard{{7, 1}, {8, 1}, {9, 3}, {10, 3}, {11, 4}}, false},
		"nothing":                   {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			var w window
			for _, h := range c.probes {
				w.heardOne(h.seq, h.spoilt)
			}
			if w.isWell() != c.well {
				t.Errorf("%+v: well %v, want %v", w, w.isWell(), c.well)
			}
		})
	}
}
