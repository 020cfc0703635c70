package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"

	"locum/cluster"
)

// store keeps cluster.Durable in the state directory: two generations, each with a checksum.
type store struct {
	mu   sync.Mutex
	path string
}

const maxDurable = 4 << 20

func openStore(dir string) *store { return &store{path: filepath.Join(dir, "durable")} }

// save returns when the new state is durable. A write that fails leaves the old state as it was.
func (s *store) save(d cluster.Durable) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	text := fmt.Appendf(nil, "locum durable 1 %08x\n%s\n", crc32.ChecksumIEEE(body), body)
	if err := keepOld(s.path, s.path+".old"); err != nil {
		return err
	}
	return replaceFile(s.path, text, 0o600)
}

// load reads the newest state that is whole. A node that has none yet gives a zero Durable and no error; one whose state
// cannot be read gives a zero Durable and the error: it does not vote until others have admitted it.
func (s *store) load() (cluster.Durable, error) {
	d, err := readDurable(s.path)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return d, nil
	}
	// The generation before may have a lower ceiling than what was promised since, so it is no substitute.
	return cluster.Durable{}, fmt.Errorf("%w; this node casts no vote until the others have admitted it. If it is the only one "+
		"left, remove the file", err)
}

func readDurable(path string) (cluster.Durable, error) {
	text, err := readBounded(path, maxDurable)
	if err != nil {
		return cluster.Durable{}, err
	}
	var sum uint32
	if _, err := fmt.Sscanf(string(text), "locum durable 1 %08x\n", &sum); err != nil {
		return cluster.Durable{}, fmt.Errorf("%s: not a state file of locum's", path)
	}
	const head = len("locum durable 1 00000000\n")
	if len(text) <= head || crc32.ChecksumIEEE(text[head:len(text)-1]) != sum {
		return cluster.Durable{}, fmt.Errorf("%s: its checksum is wrong", path)
	}
	var d cluster.Durable
	if err := json.Unmarshal(text[head:], &d); err != nil {
		return cluster.Durable{}, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}
