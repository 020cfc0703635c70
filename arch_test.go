package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"os"
)

// The house: which of the project's own packages each may import directly. A package that is not listed may not exist.
var mayImport = map[string][]string{
	".":                 {"config", "console", "daemon", "lab/demo", "quorumdisk", "replay", "serialhb", "simulate"},
	"wire":              {},
	"config":            {"wire"},
	"inm":               {"wire"},
	"cluster":           {"cluster/plan", "config", "wire"},
	"cluster/plan":      {"config", "wire"},
	"heartbeat":         {"config", "inm", "quorumdisk", "wire"},
	"serialhb":          {"config", "wire"},
	"quorumdisk":        {"agents/reach", "config", "wire"},
	"fence":             {"agents/reach", "config", "wire"},
	"agents/reach":      {},
	"vip":               {"config", "wire"},
	"agents":            {"agents/reach", "config", "wire"},
	"notify":            {"config", "wire"},
	"console":           {"cluster", "config", "wire"},
	"daemon":            {"agents", "agents/reach", "cluster", "config", "console", "daemon/health", "fence", "heartbeat", "inm", "notify", "quorumdisk", "replay", "serialhb", "vip", "wire"},
	"daemon/health":     {"cluster", "config", "wire"},
	"replay":            {"cluster", "config", "wire"},
	"simulate":          {"cluster", "cluster/plan", "config", "heartbeat", "inm", "quorumdisk", "replay", "wire"},
	"lab":               {"cluster", "config", "console", "wire"},
	"lab/demo":          {"console", "cluster", "lab", "wire"},
	"lab/bench":         {"lab", "console", "cluster", "wire"},
	"lab/soak":          {"lab", "wire"},
	"lab/container":     {},
	"lab/faultydisk":    {},
	"lab/machine":       {},
	"lab/machine/guest": {},
}

// pure lists the packages and files that decide. They may not know the time, the world or chance, and start nothing.
var pure = map[string][]string{
	"wire":    nil, // nil: every file
	"config":  nil,
	"inm":     nil,
	"cluster": nil, "cluster/plan": nil,
	"replay": nil,
	"heartbeat": {"detector.go", "step.go", "lease.go", "peers.go", "grants.go", "beats.go", "messages.go", "engine.go", "greet.go", "paths.go", "look.go", "pet.go",
		"input.go", "output.go", "settings.go", "shared.go", "due.go", "disk.go"},
	"serialhb": {"frame.go", "queue.go", "hearing.go"},
	"quorumdisk": {"layout.go", "block.go", "field.go", "header.go", "slot.go", "pill.go", "claim.go", "stamps.go",
		"desk.go", "tie.go", "tieproof.go", "tiestep.go", "tieio.go", "request.go", "survey.go", "blank.go", "trial.go", "newest.go"},
	"vip":           {"schedule.go"},
	"daemon/health": {"parse.go"},
	"simulate":      nil,
}

// notPure are packages of which a pure file may use nothing.
var notPure = []string{"os", "net", "net/http", "io/fs", "syscall", "os/exec", "log", "math/rand", "math/rand/v2", "crypto/rand",
	"sync", "context", "golang.org/x/sys/unix", "github.com/rs/zerolog", "runtime"}

// notPureCalls are functions of otherwise harmless packages that look at the clock.
var notPureCalls = []string{"time.Now", "time.Since", "time.Until", "time.After", "time.Sleep", "time.NewTimer", "time.NewTicker",
	"time.Tick", "time.AfterFunc"}

func TestEachPackageImportsOnlyItsNeighbours(t *testing.T) {
	eachFile(t, func(dir, name string, f *ast.File) {
		allowed, listed := mayImport[dir]
		if !listed {
			t.Errorf("%s: the package is not in the house: add it to mayImport and to docs/architecture.md", dir)
			return
		}
		for _, imp := range f.Imports {
			p, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			own, ok := strings.CutPrefix(p, "locum/")
			if ok && !slices.Contains(allowed, own) {
				t.Errorf("%s/%s imports %s: only %v are its neighbours", dir, name, own, allowed)
			}
		}
	})
}

// seededRand is what the simulated world may use of math/rand/v2: a generator whose seed is handed in.
var seededRand = []string{"Rand", "New", "NewPCG"}

func TestWhatDecidesIsPure(t *testing.T) {
	eachFile(t, func(dir, name string, f *ast.File) {
		files, some := pure[dir]
		if !some || files != nil && !slices.Contains(files, name) {
			return
		}
		for _, imp := range f.Imports {
			if p, err := strconv.Unquote(imp.Path.Value); err == nil && slices.Contains(notPure, p) && !(dir == "simulate" && p == "math/rand/v2") {
				t.Errorf("%s/%s imports %s and has to be pure", dir, name, p)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s/%s starts a goroutine and has to be pure", dir, name)
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && slices.Contains(notPureCalls, x.Name+"."+n.Sel.Name) {
					t.Errorf("%s/%s calls %s.%s and has to be pure", dir, name, x.Name, n.Sel.Name)
				}
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "rand" && !slices.Contains(seededRand, n.Sel.Name) {
					t.Errorf("%s/%s uses rand.%s: its chance follows from a seed alone", dir, name, n.Sel.Name)
				}
			}
			return true
		})
	})
}

// eachFile parses every Go file of the project that is not a test.
func eachFile(t *testing.T, do func(dir, name string, f *ast.File)) {
	t.Helper()
	fsys := os.DirFS(".")
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != "." || d.Name() == "testdata" || d.Name() == "build") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		src, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, src, 0)
		if err != nil {
			return err
		}
		do(path.Dir(p), path.Base(p), f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
