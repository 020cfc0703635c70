package config

import (
	"slices"
	"strings"
	"testing"
)

func TestTheKeyLineDuringARotation(t *testing.T) {
	const rest = "\ncluster c\nnode 1 a\ntiebreak unsafe\nservice s nodes=a stateless=yes\nresource s unit x.service\n"
	for _, c := range []struct {
		line, problem, next string
		files               []string
	}{
		{"key /k1", "", "", []string{"/k1"}},
		{"key /k1 next=/k2", "", "key /k2 previous=/k1", []string{"/k1", "/k2"}},
		{"key /k2 previous=/k1", "", "key /k2", []string{"/k2", "/k1"}},
		{`key /k2 previous="/a b"`, "", "key /k2", []string{"/k2", "/a b"}},
		{`key "/a b" next=/k2`, "", `key /k2 previous="/a b"`, []string{"/a b", "/k2"}},
		{"key /k1 next=/k2 previous=/k3", "exclude each other", "", nil},
		{"key /k1 next=/k1", "named twice", "", nil},
		{"key /k1 next=k2", "not an absolute path", "", nil},
		{"key /k1 new=/k2", "unknown key new=", "", nil},
	} {
		cfg, problems := Parse("f", c.line+rest)
		if c.problem != "" {
			if cfg != nil || !strings.Contains(problems.Error(), c.problem) {
				t.Errorf("%s: %v, want %q", c.line, problems, c.problem)
			}
			continue
		}
		if cfg == nil {
			t.Fatalf("%s: %v", c.line, problems)
		}
		if !slices.Equal(cfg.KeyFiles(), c.files) || cfg.NextKeyLine() != c.next {
			t.Errorf("%s: files %q, next %q", c.line, cfg.KeyFiles(), cfg.NextKeyLine())
		}
		if again, problems := Parse("f", c.next+rest); c.next != "" && again == nil {
			t.Errorf("%s: what is to follow has errors: %v", c.line, problems)
		}
	}
}
