package jinja

import (
	"fmt"
	"strings"
	"time"
)

// strftime is strftime_now(format): the time of the render in the letters of C's strftime, in the C
// locale.
func (r *run) strftime(format str) str {
	var b builder
	for i := 0; i < len(format.s); i++ {
		begin := i
		if format.s[i] != '%' || i+1 == len(format.s) {
			r.alloc(1)
			b.write(format.slice(i, i+1))
			continue
		}
		i++
		short := format.s[i] == '-' && i+1 < len(format.s) // %-d: without the leading zero
		if short {
			i++
		}
		field := timeField(r.now, format.s[i])
		if short {
			if field = strings.TrimLeft(field, "0 "); field == "" {
				field = "0"
			}
		}
		b.write(r.made(str{s: field, origin: format.slice(begin, i+1).all()}))
	}
	return b.str()
}

// goLayouts are the fields for which Go has a layout.
var goLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'm': "01",
	'y': "06", 'Y': "2006", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'f': "000000", 'j': "002",
	'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05", 'D': "01/02/06", 'F': "2006-01-02",
	'T': "15:04:05", 'R': "15:04", 'r': "03:04:05 PM",
}

// timeField is the field of letter c. The time has no zone, so %z and %Z are empty.
func timeField(t time.Time, c byte) string {
	weekday := int(t.Weekday()) // from Sunday
	monday := (weekday + 6) % 7
	year, week := t.ISOWeek()
	switch c {
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000)
	case '%':
		return "%"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'z', 'Z':
		return ""
	case 'w':
		return fmt.Sprint(weekday)
	case 'u':
		return fmt.Sprint(monday + 1)
	case 'U':
		return fmt.Sprintf("%02d", (t.YearDay()+6-weekday)/7)
	case 'W':
		return fmt.Sprintf("%02d", (t.YearDay()+6-monday)/7)
	case 'V':
		return fmt.Sprintf("%02d", week)
	case 'G':
		return fmt.Sprint(year)
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100)
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1)
	case 's':
		return fmt.Sprint(t.Unix())
	}
	if layout, ok := goLayouts[c]; ok {
		return t.Format(layout)
	}
	return "%" + string([]byte{c}) // c may be the first byte of a longer character
}
