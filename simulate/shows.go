package simulate

import (
	"encoding/json"
	"fmt"
	"strings"
)

// shows is an error unless the words stand somewhere in what the node would show as its status.
func (n *node) shows(words string) error {
	if n.engine == nil {
		return fmt.Errorf("it has no engine")
	}
	text, err := json.Marshal(n.engine.Status(n.now()))
	if err != nil || !strings.Contains(string(text), words) {
		return fmt.Errorf("status: %q does not stand in %s (%v)", words, text, err)
	}
	return nil
}
