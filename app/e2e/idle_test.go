package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wakeups returns how often the main thread of a process has slept and was woken.
func wakeups(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
			count, err := strconv.Atoi(strings.TrimSpace(n))
			if err != nil {
				t.Fatal(err)
			}
			return count
		}
	}
	t.Fatal("the number of wake-ups is not known")
	return 0
}

// TestIdle checks that the main thread sleeps while nothing happens, and that what is typed then is taken and stored.
func TestIdle(t *testing.T) {
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	s := d.start(home, "idle.log")
	const measured = 5 * time.Second
	for _, text := range []string{"one", "one two"} {
		time.Sleep(14 * time.Second)
		before := wakeups(t, s.cmd.Process.Pid)
		time.Sleep(measured)
		if n := wakeups(t, s.cmd.Process.Pid) - before; n > 100 { // 60 a second would be 300
			t.Errorf("the main thread was woken %d times in %v", n, measured)
		}
		d.text(text[len(draft(t, home)):])
		d.until("the draft", func() bool { return draft(t, home) == text })
	}
	s.quit()
}
