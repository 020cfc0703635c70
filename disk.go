package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"locum/config"
	"locum/console"
	"locum/daemon"
	"locum/quorumdisk"
)

// diskFlags are those of all three; each takes the ones that mean something to it.
type diskFlags struct {
	config, node  string
	force, repair bool
	json          bool
	last, timeout time.Duration
}

// maxPaths is how many disks may be named.
const maxPaths = quorumdisk.MaxDisks

// leastWatch is how long "init" looks at least whether somebody still writes to a disk.
const leastWatch = 3 * time.Second

// watchOf is how long it looks with a file: for two rounds of a node that goes by it.
func watchOf(cfg *config.Config) time.Duration {
	watch := leastWatch
	for _, d := range cfg.Disks {
		watch = max(watch, 2*d.Every)
	}
	return watch
}

func disk(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	var f diskFlags
	fs.StringVar(&f.config, "config", defaultConfig, "the file: cluster, key, nodes, and the disks if none are named")
	fs.StringVar(&f.node, "node", "", "test: which node this is; the short host name if not given")
	fs.BoolVar(&f.force, "force", false, "init: overwrite what lies there; never what is in use")
	fs.BoolVar(&f.repair, "repair", false, "init: make one new disk in a set of three; the file names all three")
	fs.DurationVar(&f.last, "for", 0, "show: how long to watch the stamps (2s); test: how long to go on (10s)")
	fs.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long one read or write may take")
	fs.BoolVar(&f.json, "json", false, "show, test: for programs")
	words, err := parse(ctx, fs, args, 1, 1+maxPaths)
	if err != nil {
		return err
	}
	do, known := map[string]func(context.Context, diskFlags, diskFile, []string) error{"init": diskInit, "show": diskShow, "test": diskTest}[words[0]]
	if !known {
		return wrongUsage("disk %q does not exist; there are init, show and test%s", words[0], console.DidYouMean(words[0], []string{"init", "show", "test"}))
	}
	if f.last < 0 || f.timeout <= 0 {
		return wrongUsage("--for and --timeout are times, such as 10s")
	}
	file, err := readDiskFile(f.config)
	if err != nil {
		return err
	}
	paths := words[1:]
	if len(paths) == 0 {
		paths = file.paths
	}
	if len(paths) == 0 {
		return wrongUsage("no disk is named, and %s has no disk line; name the device or file", f.config)
	}
	return do(ctx, f, file, paths)
}

// diskFile is what the commands need of the file.
type diskFile struct {
	*config.Config
	seals quorumdisk.Seals
	paths []string
}

func readDiskFile(name string) (f diskFile, err error) {
	if _, err := os.Stat(name); os.IsNotExist(err) {
		return f, wrongUsage("%s does not exist; it says whose the disk is (cluster, key and nodes): name it with --config, or write it", name)
	}
	text, err := readFile(name)
	if err != nil {
		return f, err
	}
	cfg, problems := config.Parse(name, text)
	if cfg == nil {
		return f, wrongUsage("%v", problems)
	}
	keys, err := daemon.ReadKeys(cfg)
	if err != nil {
		return f, err
	}
	f.Config = cfg
	for _, d := range cfg.Disks {
		f.paths = append(f.paths, d.Path)
	}
	f.seals, err = quorumdisk.SealsOf(cfg.Cluster, keys...)
	return f, err
}

func diskInit(ctx context.Context, f diskFlags, file diskFile, paths []string) error {
	p := quorumdisk.Plan{Paths: paths, Cluster: file.Cluster, Seals: file.seals, Force: f.force, Random: rand.Read, Now: uint64(time.Now().Unix()), Watch: watchOf(file.Config),
		Nodes: quorumdisk.RoomFor(file.Nodes[len(file.Nodes)-1].Number),
		Say:   func(format string, args ...any) { fmt.Printf(format+"\n", args...) }}
	if !f.repair {
		return quorumdisk.Init(ctx, p)
	}
	if next := file.NextKeyLine(); next != "" {
		return &console.Failure{Code: console.ExitFailed, Text: "the cluster's key is being replaced, and --repair writes headers that are sealed anew for it: end that first, " +
			"by having locum apply a file with the line: " + next}
	}
	if len(paths) != 1 || len(file.paths) != maxPaths {
		return wrongUsage("--repair wants the one new disk, and a file that names it and the two others: write three disk lines")
	}
	for i, path := range file.paths {
		if path == paths[0] {
			p.Paths = file.paths
			return quorumdisk.Repair(ctx, p, i)
		}
	}
	return wrongUsage("%s is not among the disks of the file (%s); put it there in the place of the one that it replaces", paths[0], strings.Join(file.paths, ", "))
}

func diskShow(ctx context.Context, f diskFlags, file diskFile, paths []string) error {
	watch := f.last
	if watch == 0 {
		watch = 2 * time.Second
	}
	sheets, bad := []quorumdisk.Sheet{}, 0
	for _, path := range paths {
		sheet := quorumdisk.Survey(ctx, path, file.seals, f.timeout, watch)
		if !f.json {
			sheet.Write(os.Stdout, quorumdisk.NamesOf(file.Config), time.Now(), watch)
		}
		if sheet.Error != "" || len(sheet.Unreadable) > 0 {
			bad++
		}
		sheets = append(sheets, sheet)
	}
	if f.json {
		if err := writeJSON(struct {
			Version int                `json:"version"`
			Disks   []quorumdisk.Sheet `json:"disks"`
		}{console.ProtocolVersion, sheets}); err != nil {
			return err
		}
	}
	return badDisks(bad, len(paths))
}

func badDisks(bad, all int) error {
	if bad == 0 {
		return nil
	}
	return &console.Failure{Code: console.ExitFailed, Text: fmt.Sprintf("%d of %s not well", bad, count(all, "disk")), Shown: true}
}

func diskTest(ctx context.Context, f diskFlags, file diskFile, paths []string) error {
	self, err := daemon.FindSelf(f.config, f.node, file.Config)
	if err != nil {
		return err
	}
	o := quorumdisk.MeasureOptions{Seals: file.seals, Self: self.Number, Every: time.Second, Dead: 5 * time.Second, Last: f.last, Timeout: f.timeout}
	if o.Last == 0 {
		o.Last = 10 * time.Second
	}
	if len(file.Disks) > 0 {
		o.Every, o.Dead = file.Disks[0].Every, file.Disks[0].Dead
	}
	list, bad := []quorumdisk.Measure{}, 0
	for _, path := range paths {
		var run [8]byte
		if _, err := rand.Read(run[:]); err != nil {
			return err
		}
		o.Path, o.Run = path, binary.BigEndian.Uint64(run[:])|1
		m, err := quorumdisk.MeasureDisk(ctx, o)
		if err != nil {
			m.Verdict = strings.TrimPrefix(err.Error(), "disk "+path+": ")
		}
		if !m.OK {
			bad++
		}
		if !f.json {
			m.Write(os.Stdout, quorumdisk.NamesOf(file.Config))
		}
		list = append(list, m)
	}
	if f.json {
		if err := writeJSON(struct {
			Version int                  `json:"version"`
			Disks   []quorumdisk.Measure `json:"disks"`
		}{console.ProtocolVersion, list}); err != nil {
			return err
		}
	}
	return badDisks(bad, len(paths))
}

// diskHelper is the process that a disk has to itself.
func diskHelper(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	words, err := parse(ctx, fs, args, 3, 3)
	if err != nil {
		return err
	}
	return quorumdisk.Serve(words)
}
