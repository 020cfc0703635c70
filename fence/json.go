package fence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// jsonField finds one value in a plug's JSON. The path is made of steps with a dot between them: a member's name, several
// names of which the first that is there counts (POWER1|POWER), or name=value, which picks the element of a list that says so,
// or demands it of an object: an answer about another outlet is no answer.
func jsonField(text, path string) (string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return "", errors.New("does not answer in JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("answers with more than one JSON value")
	}
	for step := range strings.SplitSeq(path, ".") {
		next, ok := jsonStep(value, step)
		if !ok {
			return "", fmt.Errorf("its answer has no %s (looked for %s)", step, path)
		}
		value = next
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("its %s is no word, number or true or false", path)
}

func jsonStep(value any, step string) (any, bool) {
	name, want, picks := strings.Cut(step, "=")
	switch v := value.(type) {
	case map[string]any:
		if picks {
			return v, fmt.Sprint(v[name]) == want
		}
		for name := range strings.SplitSeq(step, "|") {
			if next, ok := v[name]; ok {
				return next, true
			}
		}
	case []any:
		var found []any
		for _, one := range v {
			if m, ok := one.(map[string]any); ok && picks && fmt.Sprint(m[name]) == want {
				found = append(found, one)
			}
		}
		if len(found) == 1 {
			return found[0], true
		}
	}
	return nil, false
}
