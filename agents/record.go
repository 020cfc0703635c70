package agents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// phase is how far a child has come.
type phase string

const (
	phaseStarting phase = "starting" // a process that does not serve yet
	phaseServing  phase = "serving"  // a process that serves, and outlives the engine
	phaseStopping phase = "stopping" // a process that is being ended
	phaseCall     phase = "call"     // a script's call
)

const (
	recordVersion = 1
	recordDir     = "children"
	recordSuffix  = ".json"
	unsaved       = "new-" // begins the name of a record that is being written
	maxRecord     = 16 << 10
	markName      = "LOCUM_CHILD"
)

// record is what is known of one child, on disk before the child runs.
type record struct {
	Version int     `json:"version"`
	Name    string  `json:"name"` // of the file
	Title   string  `json:"title"`
	Phase   phase   `json:"phase"`
	Boot    string  `json:"boot"`
	Leader  process `json:"leader"` // leads the session
	Mark    string  `json:"mark"`   // value of LOCUM_CHILD in the environment of all that descends from it
	Group   string  `json:"group"`  // directory of its own control group, "" for none

	without *disk // it may run without a record, where this takes none
	kept    bool  // where it may: it is on disk
}

var markShape = regexp.MustCompile(`^[A-Za-z0-9._-]{1,160}$`)

func recordFile(stateDir, name string) string {
	return filepath.Join(stateDir, recordDir, name+recordSuffix)
}

// parseRecord reads a record strictly: it names processes to be killed and a directory to be removed.
func parseRecord(raw []byte, name string) (*record, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var r record
	if err := d.Decode(&r); err != nil {
		return nil, err
	}
	switch {
	case r.Version != recordVersion:
		return nil, fmt.Errorf("version %d, want %d", r.Version, recordVersion)
	case r.Name != name:
		return nil, fmt.Errorf("it is the record of %q", r.Name)
	case r.Phase != phaseStarting && r.Phase != phaseServing && r.Phase != phaseStopping && r.Phase != phaseCall:
		return nil, fmt.Errorf("phase %q", r.Phase)
	case r.Leader.PID < 2 || r.Leader.Start == 0 || r.Boot == "":
		return nil, fmt.Errorf("process %d, started at %d in boot %q", r.Leader.PID, r.Leader.Start, r.Boot)
	case !markShape.MatchString(r.Mark):
		return nil, fmt.Errorf("mark %q", r.Mark)
	case r.Group != "" && (!ownGroup(r.Group) || filepath.Base(r.Group) != r.Mark):
		return nil, fmt.Errorf("control group %q", r.Group)
	}
	return &r, nil
}

// loadRecord gives nil if there is none, or if it is of an earlier boot: what it names has ended with that.
func loadRecord(stateDir, name string) (*record, error) {
	file := recordFile(stateDir, name)
	raw, err := readSome(file, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := parseRecord(raw, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; make sure that it does not run here, then remove the file", file, err)
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	if r.Boot != boot {
		return nil, nil
	}
	return r, nil
}

// save writes the record so that after any crash the old or the new one is there, whole.
func (r *record) save(stateDir string) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	dir := filepath.Join(stateDir, recordDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, unsaved+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), recordFile(stateDir, r.Name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// keep is save for what is about to run. A start has to be recorded, that the next engine can end it: it might bring up a second
// owner. A stop or a status left under way does no such harm, and has to be possible where nothing can be recorded.
func (r *record) keep(stateDir string) error {
	if r.without == nil {
		return r.save(stateDir)
	}
	on := *r // what is left to itself must not see what becomes of r
	r.kept = r.without.try(func() error { return on.save(stateDir) }, func() { _ = on.erase(stateDir) }) == nil
	return nil
}

// remove forgets the record. One that could be done without ends nothing and is removed by the next engine, at the latest.
func (r *record) remove(stateDir string) error {
	if r.without == nil {
		return r.erase(stateDir)
	}
	if r.kept {
		on := *r
		_ = r.without.try(func() error { return on.erase(stateDir) }, func() {})
	}
	return nil
}

func (r *record) erase(stateDir string) error {
	err := os.Remove(recordFile(stateDir, r.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncDir(filepath.Join(stateDir, recordDir)))
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// recordNames lists the records of a state directory.
func recordNames(stateDir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(stateDir, recordDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), recordSuffix); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// dropUnsaved removes what an engine was writing when it died. What stays does no harm.
func dropUnsaved(stateDir string) {
	left, _ := filepath.Glob(filepath.Join(stateDir, recordDir, unsaved+"*"))
	for _, file := range left {
		if !strings.HasSuffix(file, recordSuffix) {
			_ = os.Remove(file)
		}
	}
}

// members lists all that lives of a child: what is in its control group, what carries its mark, and, as long as the
// leader's number cannot have become a stranger's, what is in its session.
func (r *record) members() ([]process, error) {
	var dirs []string
	if r.Group != "" {
		dirs = []string{r.Group}
	}
	list, err := inGroups(dirs)
	if err != nil {
		return nil, err
	}
	found := make(map[process]bool)
	for _, p := range list {
		found[p] = true
	}
	leader, err := readStat(r.Leader.PID)
	ours := err == nil && leader.process == r.Leader
	all, err := everyProcess()
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		in := ours && s.Session == r.Leader.PID
		if !found[s.process] && s.PID != os.Getpid() && (in || s.carries(markName+"="+r.Mark)) {
			list = append(list, s.process)
		}
	}
	return list, nil
}

// dropGroup removes the child's group. That nothing is left was told by members; where the kernel still needs a moment to
// forget the dead, the next start removes the group (dropEmptyGroups), and no stop fails for it.
func (r *record) dropGroup() {
	if r.Group != "" {
		_ = os.Remove(r.Group)
	}
}
