package config

import (
	"fmt"
	"strconv"
	"strings"
)

// sizeUnits are the units of a size, by 1024 each, the smallest first.
const sizeUnits = "KMGT"

// MaxSize is the largest size that a file may name, in bytes.
const MaxSize int64 = 1 << 50

// ParseSize reads a size in bytes: a whole number and K, M, G or T, by 1024 each, up to MaxSize.
func ParseSize(text string) (int64, error) {
	if isNumber(text) && !strings.Contains(text, ".") {
		return 0, fmt.Errorf("%s has no unit; write %sM or %sG", text, text, text)
	}
	n := len(text) - 1
	unit := strings.IndexByte(sizeUnits, lastByte(text))
	if unit < 0 {
		return 0, fmt.Errorf("%q is not a size; write for example 512M, 2G", text)
	}
	number, err := strconv.ParseUint(text[:n], 10, 50)
	shift := 10 * (unit + 1)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a size; write a whole number with its unit, for example 512M, 2G", text)
	case number > uint64(MaxSize)>>shift:
		return 0, fmt.Errorf("%s is too large; at most %s can be written", text, FormatSize(MaxSize))
	}
	return int64(number) << shift, nil
}

func lastByte(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}

// FormatSize writes bytes with the unit that leaves at most four digits before the point, and one after it where that says more.
func FormatSize(n int64) string {
	unit, rest := "", int64(0)
	for i := 0; i < len(sizeUnits) && n >= 1024; i++ {
		unit, rest, n = sizeUnits[i:i+1], n%1024, n/1024
	}
	if tenth := rest * 10 / 1024; tenth > 0 && n < 10 {
		return fmt.Sprintf("%d.%d%s", n, tenth, unit)
	}
	return strconv.FormatInt(n, 10) + unit
}

// exactSize writes bytes as ParseSize reads them, in the largest unit that loses nothing.
func exactSize(n int64) string {
	unit := ""
	for i := 0; i < len(sizeUnits) && n != 0 && n%1024 == 0; i++ {
		unit, n = sizeUnits[i:i+1], n/1024
	}
	return strconv.FormatInt(n, 10) + unit
}
