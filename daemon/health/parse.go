package health

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// parseHundredths reads a number such as 0.42 as the kernel writes it, in hundredths.
func parseHundredths(word []byte) (int64, error) {
	whole, rest, _ := bytes.Cut(word, []byte("."))
	if len(rest) != 2 || len(whole) == 0 || len(whole) > 9 {
		return 0, fmt.Errorf("%q is not a number with two decimals", word)
	}
	n, err := strconv.ParseUint(string(whole)+string(rest), 10, 63)
	return int64(n), err
}

// parseLoad reads /proc/loadavg (proc_loadavg(5)): the load over the last minute, in hundredths.
func parseLoad(text []byte) (int64, error) {
	word, _, ok := bytes.Cut(text, []byte(" "))
	if !ok {
		return 0, errors.New("no load in it")
	}
	return parseHundredths(word)
}

// parsePressure reads a file of /proc/pressure (the kernel's Documentation/accounting/psi.rst): the share of the last ten seconds in
// which some task waited, in hundredths of a percent.
func parsePressure(text []byte) (int64, error) {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte("some avg10="))
		if !ok {
			continue
		}
		word, _, _ := bytes.Cut(rest, []byte(" "))
		return parseHundredths(word)
	}
	return 0, errors.New(`no "some avg10=" in it`)
}

// parseMemory reads /proc/meminfo (proc_meminfo(5)): what programs can have without swapping, in bytes.
func parseMemory(text []byte) (int64, error) {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte("MemAvailable:"))
		if !ok {
			continue
		}
		words := bytes.Fields(rest)
		if len(words) != 2 || string(words[1]) != "kB" {
			return 0, fmt.Errorf("MemAvailable is %q, not in kB", bytes.TrimSpace(rest))
		}
		n, err := strconv.ParseUint(string(words[0]), 10, 50)
		return int64(n) << 10, err
	}
	return 0, errors.New("no MemAvailable in it")
}
