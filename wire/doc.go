// Package wire fixes what goes between nodes and between the two processes of one node: the words (words.go), every limit
// (limits.go), the records of the socketpair (records.go), and the frames of all paths.
//
// Its one idea: there is one frame, sealed once, for every path, and nothing in it counts before it is proven authentic,
// of this cluster, of an admitted life and not heard before. What fails on the way is a Drop with a name, to be counted
// and never answered.
//
// A frame is a clear header, which is authenticated too, and a sealed body (frame.go: the layout; hello.go, beat.go,
// segment.go: the bodies). Sealer owns the counter, which is the nonce; Opener checks frames and holds the ciphers of the
// admitted lives; Handshake keeps the challenges by which the heart decides whom to admit:
//
//	node 1                                   node 2
//	Hello to 2: my challenge X          ->
//	                                    <-   Hello to 1: my challenge Y, answer X     node 1: Heard is Fresh, Admit
//	Hello to 2: answer Y                ->                                            node 2: Heard is Fresh, Admit
//	Beat                                <->  Beat
//
// The heart sends a Hello to each node that is not admitted, or for which one is Due, at the pace of its beats; between
// nodes that admitted each other there are none. It dismisses a peer that it has declared dead, so that a frame held back
// on the way cannot bring it to life again: the same life comes back by a new answer.
//
// Neighbours: inm makes and reads Segments, heartbeat does everything else here. The package is pure.
package wire
