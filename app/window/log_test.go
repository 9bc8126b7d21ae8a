package window

import (
	"bytes"
	"errors"
	"log"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
)

// A folder that the desktop does not define is not reported, other errors are, and none names a folder of the machine that built the
// program.
func TestToolkitLog(t *testing.T) {
	var out bytes.Buffer
	was := log.Writer()
	t.Cleanup(func() { log.SetOutput(was) })
	log.SetOutput(&toolkitLog{to: &out})
	for range 2 {
		fyne.LogError("Getting favorite locations", errors.New("this computer does not define a VIDEOS folder"))
	}
	if out.Len() != 0 {
		t.Errorf("reported:\n%s", out.String())
	}
	fyne.LogError("Getting favorite locations", errors.New("permission denied"))
	fyne.LogError("Another error", errors.New("another cause"))
	log.Print("  At: /home/builder/go/pkg/mod/fyne.io/fyne/v2@v2.7.1/dialog/file.go:396")
	got := out.String()
	for _, want := range []string{"Getting favorite locations", "permission denied", "Another error", "another cause", "log_test.go:", "At: fyne.io/fyne/v2@v2.7.1/dialog/file.go:396"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "/home/builder") || strings.Count(got, "\n") != 7 {
		t.Errorf("reported:\n%s", got)
	}
}
