package daemon

import (
	"maps"
	"slices"
	"testing"

	"locum/config"
)

func TestWhatTheFileMayNameCanBeMade(t *testing.T) {
	for _, tt := range []struct {
		what      string
		file, can []string
	}{
		{"paths", config.PathTypes(), slices.Sorted(maps.Keys(paths))},
		{"fences", config.FenceTypes(), slices.Sorted(maps.Keys(fences))},
		{"resources", config.ResourceTypes(), slices.Sorted(maps.Keys(resources))},
	} {
		if !slices.Equal(tt.file, tt.can) {
			t.Errorf("%s: the file may name %v, plugins.go can make %v", tt.what, tt.file, tt.can)
		}
	}
}
