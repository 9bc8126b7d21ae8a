package prompt

import (
	"fmt"
	"strings"
	"time"
)

// strftime_now: the time of the render in the letters of C's strftime, in its plain locale.

func (r *run) strftime(format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			r.alloc(1)
			b.WriteByte(format[i])
			continue
		}
		i++
		if format[i] == '-' && i+1 < len(format) { // %-d: without the leading zero
			i++
			s := strings.TrimLeft(timeField(r.now, format[i]), "0 ")
			if s == "" {
				s = "0"
			}
			b.WriteString(r.made(s))
			continue
		}
		b.WriteString(r.made(timeField(r.now, format[i])))
	}
	return b.String()
}

// goLayouts are the fields that Go's layouts can say.
var goLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'm': "01",
	'y': "06", 'Y': "2006", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'f': "000000", 'j': "002",
	'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05", 'D': "01/02/06", 'F': "2006-01-02",
	'T': "15:04:05", 'R': "15:04", 'r': "03:04:05 PM",
}

// timeField is the field of letter c. The time is without a zone, so %z and %Z are empty.
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
	return "%" + string(c)
}
