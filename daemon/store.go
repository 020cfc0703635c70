package daemon

import (
	"bytes"
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

// save returns when the new state is durable. A write that fails leaves the old state as it was. A state that cannot be read
// is not written over: what this node has promised is in it, and only an operator can say that it does not matter any more.
func (s *store) save(d cluster.Durable) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.load(); err != nil {
		return err
	}
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := keepOld(s.path, s.path+".old"); err != nil {
		return err
	}
	return replaceFile(s.path, framed(body), 0o600)
}

// load reads the state. A node that has none yet gives a zero Durable and no error; one whose state cannot be read gives a
// zero Durable and the error, and casts no vote.
func (s *store) load() (cluster.Durable, error) {
	d, err := readDurable(s.path)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return d, nil
	}
	// The generation before may have a lower ceiling than what was promised since, so it is no substitute.
	return cluster.Durable{}, fmt.Errorf("%w: this node casts no vote. If the others are up, remove %s (and look at the disk): "+
		"they admit the node anew", err, s.path)
}

func readDurable(path string) (cluster.Durable, error) {
	text, err := readBounded(path, maxDurable)
	if err != nil {
		return cluster.Durable{}, err
	}
	d, err := parseDurable(text)
	if err != nil {
		return cluster.Durable{}, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// parseDurable reads a state as framed writes it, and nothing else.
func parseDurable(text []byte) (d cluster.Durable, err error) {
	_, body, both := bytes.Cut(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if !both || !bytes.Equal(text, framed(body)) {
		return d, errors.New("it is not whole: its checksum is wrong")
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return cluster.Durable{}, err
	}
	return d, nil
}

// framed is a state as it is on disk: a line with its checksum, and the state.
func framed(body []byte) []byte {
	return fmt.Appendf(nil, "locum durable 1 %08x\n%s\n", crc32.ChecksumIEEE(body), body)
}
