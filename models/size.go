package models

import (
	"fmt"
	"time"
)

// units are the decimal units of sizes, from the largest; decimals is the number of digits after the point.
var units = []struct {
	bytes    float64
	name     string
	decimals int
}{{1e12, "TB", 1}, {1e9, "GB", 1}, {1e6, "MB", 0}, {1e3, "kB", 0}}

// Size formats a number of bytes in decimal units, as file managers do: "2.5 GB", "145 MB", "12 kB", "1 byte".
func Size(n int64) string {
	for _, u := range units {
		// A value that would be rounded up to 1,000 of the next smaller unit is written as 1 of this one.
		if float64(n) >= 0.9995*u.bytes {
			return fmt.Sprintf("%.*f %s", u.decimals, float64(n)/u.bytes, u.name)
		}
	}
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// SizeOf formats a part of a whole in the unit of the whole: "1.6 of 2.5 GB".
func SizeOf(part, whole int64) string {
	for _, u := range units {
		if float64(whole) >= 0.9995*u.bytes {
			return fmt.Sprintf("%.*f of %.*f %s", u.decimals, float64(part)/u.bytes, u.decimals, float64(whole)/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d of %s", part, Size(whole))
}

// Rounded formats an estimated time, rounded to what can be known of it: "2 h", "12 min", "5 s".
func Rounded(d time.Duration) string {
	switch {
	case d >= 90*time.Minute:
		return fmt.Sprintf("%.0f h", d.Hours())
	case d >= 90*time.Second:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", max(1, d.Seconds()))
}
