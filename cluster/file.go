package cluster

import (
	"cmp"
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// A file takes effect everywhere or nowhere: of two nodes that meet with different files, the one whose file was applied
// earlier takes the other's. So a node that did not hear that a file takes effect, or was away meanwhile and proven clean,
// catches up as soon as it meets one that has it. Two files that were both written by hand are an operator's matter.

// fileVersion is the version of the file in force here.
func (e *Engine) fileVersion() wire.Revision { return versionOf(e.cfg.Text) }

// versionOf is the version in which a file was applied, zero if it was written by hand.
func versionOf(text string) wire.Revision {
	epoch, count := config.Version(text)
	return wire.Revision{Epoch: wire.Epoch(epoch), Count: count}
}

// edition names the file in force here, for messages.
func (e *Engine) edition() Edition {
	return Edition{Print: e.print, Version: e.fileVersion()}
}

// olderThanOurs hands a node our file if its own is older, and reports whether that is so.
func (e *Engine) olderThanOurs(n wire.Node, theirs Edition) bool {
	if theirs.Print == e.print || !theirs.Version.Less(e.fileVersion()) {
		return false
	}
	e.send(n, Message{File: &File{Text: e.cfg.Text}})
	return true
}

// newerThanOurs reports whether a node's file was applied after ours.
func (e *Engine) newerThanOurs(theirs Edition) bool {
	return theirs.Print != e.print && e.fileVersion().Less(theirs.Version)
}

// fileArrived takes over a file that was applied after the one in force here.
func (e *Engine) fileArrived(from wire.Node, f File) {
	if e.adopting || !e.fileVersion().Less(versionOf(f.Text)) {
		return
	}
	next, _ := config.Parse("the new file", f.Text)
	if why := checkText(f.Text, e.self); why != "" || next.Cluster != e.cfg.Cluster {
		e.tell(History{Kind: "config", Level: "alarm", Node: e.name(from),
			Text: fmt.Sprintf("the file that is in force on %s cannot be taken over here: %s", e.name(from), why)})
		return
	}
	if e.keying.id == 0 || e.keying.accept == nil {
		e.readKeys(keying{text: f.Text, from: from})
	}
}

// unfinishedFile is a file that a former leader had handed out and that may be in force with it already: the operator may
// have been told so. Those that were in the newest quorate view say; what an older one had begun was ended since.
func (e *Engine) unfinishedFile(promises []Promise) string {
	newest, file := wire.Epoch(0), ""
	for _, p := range promises {
		newest = max(newest, p.View)
	}
	for _, p := range promises {
		if p.Prepared != "" && p.View == newest && !givenUp(promises, p.Prepared) && e.fileVersion().Less(versionOf(p.Prepared)) && (file == "" || versionOf(file).Less(versionOf(p.Prepared))) {
			file = p.Prepared
		}
	}
	return file
}

// noteGivenUp keeps that a file is in force nowhere: its leader has given it up, or this node, without which it could not take effect, has refused it.
func (e *Engine) noteGivenUp(text string) {
	v := versionOf(text)
	e.gaveUp = &v
}

// givenUp reports whether a member knows that a file is in force nowhere.
func givenUp(promises []Promise, text string) bool {
	return slices.ContainsFunc(promises, func(p Promise) bool { return p.GaveUp != nil && *p.GaveUp == versionOf(text) })
}

// dropGivenUp has the members of a new view forget such a file: what an operator was told is not in force must not be finished later.
func (e *Engine) dropGivenUp(own *proposal) {
	for _, p := range own.promises {
		if p.Prepared != "" && givenUp(own.promises, p.Prepared) {
			e.send(p.Life.Node, Message{Replicate: &Replicate{Epoch: own.epoch, Text: p.Prepared, Drop: true}})
		}
	}
}

// parsed reads the text of a file that is being applied, nil if there is none or it has errors. It is asked for all the time.
func (e *Engine) parsed(text string) *config.Config {
	if text != e.coming.text {
		e.coming = comingFile{text: text}
		if text != "" {
			e.coming.cfg, _ = config.Parse("the new file", text)
		}
	}
	return e.coming.cfg
}

// comingFile is the file that was parsed last.
type comingFile struct {
	text string
	cfg  *config.Config
}

// comingPath is where a service may run by the file that is being applied too: nowhere, if its lines there are others. A node that did not hear that
// the file takes effect starts nothing where those who did would not look for it (SAFETY 8).
func (e *Engine) comingPath(s *config.Service) wire.Nodes {
	text := e.lead.unfinished
	if c := e.lead.change; c != nil && c.text != "" {
		text = c.text
	}
	next := e.parsed(text)
	switch {
	case next == nil:
		return configured(e.cfg)
	case !sameService(s, next):
		return 0
	}
	return pathIn(next, s.Name)
}

// pathIn is where a file has a service of this name run.
func pathIn(cfg *config.Config, service string) wire.Nodes {
	for i := range cfg.Services {
		if s := &cfg.Services[i]; s.Name == service {
			return pathSet(s)
		}
	}
	return 0
}

// finishFile goes on with a file that a former leader had begun to apply, as soon as that may be done.
func (e *Engine) finishFile() {
	l := &e.lead
	if !e.leads() || l.unfinished == "" || l.change != nil || !e.view.Verdict.Quorate || e.mustStop() || e.applying() {
		return
	}
	text := l.unfinished
	next, problems := config.Parse("the new file", text)
	if next == nil {
		l.unfinished = ""
		e.tell(History{Kind: "config", Level: "alarm", Text: "the file that was being applied has errors: " + problems.Error()})
		return
	}
	if l.unfit = cmp.Or(e.whyNotApply(next), e.whyNotStopped(e.stopsFirst(next))); l.unfit != "" {
		return
	}
	l.unfinished = ""
	e.tell(History{Kind: "config", Level: "info", Epoch: e.view.Epoch, Text: "a former leader had begun to apply a new file: it is finished"})
	e.handOut(ask{}, text, next)
}

// applying reports whether an operator's own new file waits here.
func (e *Engine) applying() bool {
	return slices.ContainsFunc(e.asks, func(a ask) bool { return a.command.Verb == "apply" })
}

// adopt has a new file take effect here, once.
func (e *Engine) adopt(text string) {
	if !e.adopting {
		e.adopting = true
		e.do(Adopt{Text: text})
	}
}
