package e2e

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"soberano/app/store"
	"soberano/models/defaults"
)

// Positions on the Transcribe page in a window of 1200 × 760.
var (
	firstTranscript = point{600, 248}
	firstTime       = point{350, 144}
	firstText       = point{500, 144}
	export          = point{1066, 86}
	exportText      = point{1066, 132}
	saveFile        = point{944, 618}
)

// transcripts reads the transcripts that the program has stored.
func transcripts(t *testing.T, home string) []store.Transcript {
	t.Helper()
	s, err := store.Open(filepath.Join(home, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Transcripts()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestRecordingsBecomeText drops a recording on the chat, reads the transcript, plays it from a time that is clicked, edits a
// segment, and exports. A broken recording is refused with the reason. All of it is still there after a restart.
func TestRecordingsBecomeText(t *testing.T) {
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	include := exec.Command(program(t, "soberano-cli"), "models", "import", "--link", defaults.Need(t, "whisper-base"))
	include.Env = append(os.Environ(), "SOBERANO_HOME="+home)
	if out, err := include.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole, err := os.ReadFile(filepath.Join(root(t), "asr", "testdata", "audio", "jfk.wav"))
	if err != nil {
		t.Fatal(err)
	}
	clip, cut := filepath.Join(d.dir, "A talk, über 1961.wav"), filepath.Join(d.dir, "cut off.wav")
	if err := errors.Join(os.WriteFile(clip, whole, 0o600), os.WriteFile(cut, whole[:4000], 0o600)); err != nil {
		t.Fatal(err)
	}
	s := d.start(home, "files.log")
	d.drop(s.id, middle, clip)
	d.until("the words of the recording", func() bool {
		list := transcripts(t, home)
		return len(list) == 1 && list[0].State == store.Complete && list[0].Segments > 0
	})
	id := transcripts(t, home)[0].ID
	if words := spoken(t, home, id); !strings.Contains(words, "fellow Americans") || !strings.Contains(words, "can do for your country") {
		t.Errorf("written down is %q", words)
	}
	time.Sleep(time.Second)
	d.shot("files-1-list")
	s.at(firstTranscript)
	time.Sleep(time.Second)
	d.shot("files-2-transcript")

	heard := d.record()
	s.at(firstTime)
	d.until("the sound of the recording", func() bool { return heard.loud() > 2*time.Second })
	d.shot("files-3-playing")
	d.key("space")
	time.Sleep(time.Second)
	loud := heard.loud()
	time.Sleep(time.Second)
	if more := heard.loud() - loud; more > 100*time.Millisecond {
		t.Errorf("after the pause another %v are heard", more)
	}

	s.at(firstText)
	time.Sleep(500 * time.Millisecond)
	d.key("Home")
	d.text("Mended by hand, ")
	d.shot("files-4-editing")
	d.key("Return")
	d.until("the mended words", func() bool { return strings.HasPrefix(spoken(t, home, id), "Mended by hand, ") })
	s.at(export)
	time.Sleep(500 * time.Millisecond)
	s.at(exportText)
	time.Sleep(2 * time.Second)
	d.shot("files-5-export")
	s.at(saveFile)
	d.until("the exported text", func() bool {
		text, err := os.ReadFile(strings.TrimSuffix(clip, ".wav") + ".txt")
		return err == nil && strings.HasPrefix(string(text), "Mended by hand,")
	})
	d.key("ctrl+f")
	d.text("country")
	time.Sleep(time.Second)
	d.shot("files-6-found")

	d.drop(s.id, middle, cut)
	d.until("the broken recording to be refused", func() bool { list := transcripts(t, home); return len(list) == 2 && list[0].State == store.Failed })
	if got := transcripts(t, home)[0].Problem.Text(); !strings.HasPrefix(got, "The file is cut off") || !strings.Contains(got, "(at byte 4,000)") {
		t.Errorf("the reason is %q", got)
	}
	time.Sleep(time.Second)
	d.shot("files-7-refused")
	before := s.thread()
	s.quit()

	s = d.start(home, "files-again.log")
	d.key("ctrl+t")
	d.until("the page as it was", func() bool { return s.thread() == before })
	s.quit()
	if words := spoken(t, home, id); !strings.HasPrefix(words, "Mended by hand, ") {
		t.Errorf("after another start %q", words)
	}
}

// spoken returns the text of a transcript.
func spoken(t *testing.T, home string, id int64) string {
	t.Helper()
	s, err := store.Open(filepath.Join(home, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	segments, err := s.Segments(id, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, g := range segments {
		words = append(words, g.Text)
	}
	return strings.Join(words, " ")
}

// recorder records what is played to the loudspeaker: 16 kHz, 16 bits.
type recorder struct {
	mu  sync.Mutex
	all []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, p...)
	return len(p), nil
}

// loud returns how much of the recording is not silence, measured in blocks of 50 ms.
func (r *recorder) loud() (d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	const piece = 2 * 16000 / 20
	for b := r.all; len(b) >= piece; b = b[piece:] {
		for i := 0; i < piece; i += 2 {
			if v := int16(binary.LittleEndian.Uint16(b[i:])); v > 300 || v < -300 {
				d += 50 * time.Millisecond
				break
			}
		}
	}
	return d
}

func (d *desktop) record() *recorder {
	d.t.Helper()
	r := &recorder{}
	cmd := exec.Command("parec", "-d", "speaker.monitor", "--raw", "--rate=16000", "--channels=1", "--format=s16le", "--latency-msec=20")
	cmd.Stdout = r
	d.background(cmd, "")
	time.Sleep(time.Second)
	return r
}
