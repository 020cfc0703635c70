package simulate

import (
	"encoding/json"
	"fmt"
	"strings"
)

// shows is an error unless the words stand somewhere in what the node would show as its status, or stand nowhere in it.
func (n *node) shows(words string, stand bool) error {
	if n.engine == nil {
		return fmt.Errorf("it has no engine")
	}
	st := n.engine.Status(n.now())
	text, err := json.Marshal(st)
	if err != nil || strings.Contains(string(text), words) != stand {
		return fmt.Errorf("status: that %q stands in it is %t: %s (%v)", words, !stand, text, err)
	}
	return nil
}
