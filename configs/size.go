package configs

import (
	"fmt"
	"math"
	"strconv"
)

// Size is a number of bytes. The file says it with a binary unit (512B, 16KiB,
// 1MiB, 2GiB, 1TiB) or as a bare number of bytes.
type Size int64

type sizeUnit struct {
	name  string
	bytes Size
}

// sizeUnits lists the units from the largest, so that String finds the
// shortest form first.
func sizeUnits() []sizeUnit {
	return []sizeUnit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}
}

// String is the size in the largest unit that leaves a whole number.
func (s Size) String() string {
	for _, u := range sizeUnits() {
		if s%u.bytes == 0 && s != 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return "0"
}

// parseSize reads a Size. Decimal units are refused because half the world
// reads them as binary ones.
func parseSize(text string) (Size, error) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if end == 0 {
		return 0, fmt.Errorf("%s is not a size; write a whole number and a unit, such as 1MiB", quoteWord(text))
	}
	unit := text[end:]
	if unit == "" {
		unit = "B"
	}
	for _, u := range sizeUnits() {
		if unit != u.name {
			continue
		}
		n, err := strconv.ParseInt(text[:end], 10, 64)
		if err != nil || n > math.MaxInt64/int64(u.bytes) {
			return 0, fmt.Errorf("%s is larger than any machine; write a smaller size", quoteWord(text))
		}
		return Size(n) * u.bytes, nil
	}
	return 0, fmt.Errorf("%s has an unknown unit; write B, KiB, MiB, GiB or TiB, such as 1MiB", quoteWord(text))
}
