// Package quorumdisk is the disk that all nodes share: time stamps, pills, and the tie-break when exactly half of the
// votes are left.
//
// Its one idea: nobody trusts a disk further than it has proven itself. A record counts only if its tag is right for this
// disk, this place and this cluster; what cannot be verified is unreadable, never empty. A time stamp counts by whether
// it rose while the reader looked, by the reader's own clock. The tie-break asks nothing of time at all.
//
// What decides is pure: the format (layout.go, block.go, header.go, slot.go, pill.go, claim.go; survey.go has the requests
// for them), the judge of time stamps (stamps.go) and the tie-break (tie*.go), which takes what came of reads and writes and
// says what to read and write next. What touches the world is thin: device.go opens and does, helper.go is the process that each
// disk has to itself, port.go the way to it, drives.go and drive.go all disks of a node, done as the Desk says; init.go, contents.go,
// look.go, measure.go and repair.go are the commands; join.go has a repaired disk count.
//
//	Desk -> Action -> Drives.Do -> Port.Begin -> helper -> disk
//	     <- Ended  <- Seals.Slots, Seals.Claims <- Reply <-
//
// Neighbours: wire has the words and derives the key. The heart opens the disks, feeds Stamps and Tie, and tells the engine.
package quorumdisk
