// Package inm carries internode messages to one peer, reliably and in order, over several unreliable paths.
//
// Its one idea: a message is done only when the peer's engine took it. A session is named by the engine and the life of
// the heart at both ends; when a name changes, the session is over, and what was not taken is lost to knowledge: its
// outcome is unknown, and it is never sent again under another name.
//
// A Session is pure. Each call may leave outputs behind, which Outputs hands out: segments to transmit, messages that
// arrived, and what became of our own. After each batch of calls the heart calls Due if Next says so; that is when
// acknowledgements leave, one for all that arrived together. Calls take the present instant, which never goes back.
//
//	s := inm.New(self)               s.SetPaths(now, paths)           s.SetPeer(peer)
//	s.Send(now, id, payload)     ->  Transmit …, later Acked{id} or Lost{id}
//	s.Receive(now, path, seg)    ->  Deliver{number}
//	s.Took(now, number)          ->  at Due: Transmit, which is the peer's Acked
//
// session.go holds the names and the outputs; queue.go sends and hears acknowledgements; retry.go decides what was lost on
// the way; arrive.go puts messages together; paths.go measures and chooses paths; hole.go makes pieces small where large
// ones do not pass; spans.go is a set of bytes.
//
// Neighbours: wire defines the Segment, seals it and drops what is not authentic; package heartbeat holds a Session for
// each peer.
package inm
