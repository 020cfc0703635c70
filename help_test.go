package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"locum/quorumdisk"
)

func TestEachShownCommandHasAPurposeInTheHelp(t *testing.T) {
	var help strings.Builder
	showHelp(&help)
	for _, c := range commands() {
		shown := strings.Contains(help.String(), "\n  "+c.name)
		if shown != (c.purpose != hidden) {
			t.Errorf("%s: in the help %v, purpose %q", c.name, shown, c.purpose)
		}
	}
}

// TestTheManualHasEachCommandAndFlag holds locum(8) against the commands as they parse.
func TestTheManualHasEachCommandAndFlag(t *testing.T) {
	page, err := os.ReadFile("packaging/locum.8")
	if err != nil {
		t.Fatal(err)
	}
	manual := string(page)
	explained := regexp.MustCompile(`(?ms)^\.SH COMMANDS$.*^\.SH OPTIONS$`).FindString(manual)
	for _, c := range shownCommands() {
		if !regexp.MustCompile(`(?m)^\.TP\n\.BR? (\w+ ", " )?` + c.name + `\b`).MatchString(explained) {
			t.Errorf("locum(8) does not explain %s", c.name)
		}
		for _, flag := range c.flagWords() {
			if !strings.Contains(manual, flag) {
				t.Errorf("locum(8) does not have %s of %s", flag, c.name)
			}
		}
	}
}

// TestTheManualHasWhatADiskShows: each field that a node has in "disk show --json".
func TestTheManualHasWhatADiskShows(t *testing.T) {
	page, err := os.ReadFile("packaging/locum.8")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?ms)^\.B disk show\n\.IR version.*?^\.TP$`).FindString(string(page))
	for _, f := range reflect.VisibleFields(reflect.TypeFor[quorumdisk.NodeSheet]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(shown) {
			t.Errorf("locum(8) does not have %s", name)
		}
	}
}
