// Package simulate is a deterministic world for the deciding code: nodes with hearts and engines that die separately, a
// network with delay and cuts, power switches that misbehave, agents and state directories. Nothing in it reads a clock;
// the same script gives the same history.
//
// Its one idea: the world runs the real heartbeat.Heart and the real cluster.Engine and plays only what lies around them.
// After every step the checkers look for what must never happen. Scenario files (package cluster, testdata) are scripts
// for it that read as a transcript.
package simulate
