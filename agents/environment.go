package agents

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"unicode"
)

// environment is what a command is given: nothing of locum's own, which has sockets and secrets' places in it.
func environment(a *account) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if lang, ok := os.LookupEnv("LANG"); ok {
		env = append(env, "LANG="+lang)
	}
	if a != nil {
		env = append(env, "HOME="+a.Home, "USER="+a.Name, "LOGNAME="+a.Name)
	}
	return env
}

// findAccount looks a user up by name or number; "" is none.
func findAccount(name string) (*account, error) {
	if name == "" {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		u, err = user.LookupId(name)
	}
	if err != nil {
		return nil, failed("user=%s: there is no such user on this node", name)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("user=%s: its groups: %w", name, err)
	}
	a := &account{Name: u.Username, Home: u.HomeDir}
	numbers := make([]int, len(ids)+2)
	for i, id := range append([]string{u.Uid, u.Gid}, ids...) {
		if numbers[i], err = strconv.Atoi(id); err != nil {
			return nil, fmt.Errorf("user=%s: %w", name, err)
		}
	}
	a.UID, a.GID, a.Groups = numbers[0], numbers[1], numbers[2:]
	return a, nil
}

// printable keeps what may stand in a message: no control characters, and no more than 200 of it.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	s = strings.TrimSpace(s)
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}
