package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"soberano/app/dictation"
	"soberano/app/filekind"
	"soberano/app/host"
	"soberano/asr/audio"
	"soberano/asr/mic"
	"soberano/engine"
	"soberano/models"
	"soberano/models/download"
)

const path = "/talks/a.wav"

func TestOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		code Code
		want string
	}{
		{&audio.Error{Path: path, Kind: audio.Empty, Reason: "the file is empty", Err: audio.ErrFormat}, AudioEmpty, "The file is empty. Copy or download the file again."},
		{&audio.Error{Path: path, At: 20000, Kind: audio.CutOff, Reason: "the file is cut off: 44044 bytes of audio are missing", Err: io.ErrUnexpectedEOF}, AudioCutOff,
			"The file is cut off: 44,044 bytes of audio are missing (at byte 20,000). Copy or download the file again."},
		{&audio.Error{Path: path, Kind: audio.NoDecoder, Reason: "this is an MP4 or M4A file", Err: audio.ErrFormat}, AudioNoDecoder,
			"This is an MP4 or M4A file. Such files are read with the program ffmpeg, which is not installed. Install ffmpeg, or convert the file to WAV, FLAC, MP3 or Opus."},
		{&audio.Error{Path: path, Kind: audio.Unreadable, Reason: "reading failed", Err: &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}}, IsFolder, "This is a folder without audio files."},
		{&audio.Error{Path: path, Kind: audio.Unreadable, Reason: "reading failed", Err: &fs.PathError{Op: "read", Path: path, Err: syscall.EIO}}, DriveFailed, ""},
		{&audio.Error{Path: path, Kind: audio.Unreadable, Reason: "reading failed", Err: errors.New("the program ffmpeg ended")}, AudioUnreadable, "Reading failed: the program ffmpeg ended. Check the drive, copy the file to another one, and try again."},
		{fmt.Errorf("mic: %w", mic.ErrNone), MicNone, "No microphone was found. Plug one in, or allow one in the system's sound settings, and try again."},
		{&mic.Error{Kind: mic.Busy, Device: "USB", Err: errors.New("busy")}, MicBusy, ""},
		{&fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}, NoPermission, "There is no permission to read or write /talks/a.wav. Change its permissions, or copy it to your own folder."},
		{fmt.Errorf("asr: %w", &models.FileError{Path: "/m/m.bin", Reason: "is cut off", Advice: "fetch it again", Kind: models.ErrCorrupt}), ModelDamaged, "m.bin is cut off. Fetch it again."},
		{fmt.Errorf("chat: %w", &engine.ContextError{Prompt: 2707, Context: 2048}), MessageTooLong, ""},
		{&engine.ContextError{Prompt: 2707, Message: 2047, Context: 2048}, MessageTooLong, ""},
		{&engine.ContextError{Prompt: 2707, Message: 2048, Context: 2048}, MessageAlone, "Your message alone has 2,048 tokens (pieces of words), and this model can read 2,048 at once, including its answer. Nothing was left out, and the message was not answered. Shorten the message, or choose a model with a longer context."},
		{&filekind.SearchError{Folder: "/home/ada", Entries: true}, FolderTooLarge, "/home/ada contains more than 100,000 files; the others were left out. Open the folders in it one by one."},
		{&filekind.SearchError{Folder: "/home/ada"}, FolderTooDeep, "/home/ada was searched 32 folders deep; what is below that was left out. Open the folders in it one by one."},
		{&download.Error{Kind: download.Unreachable, Host: "hub.example", Err: errors.New("no route to host")}, DownloadUnreachable,
			"There is no connection to hub.example. Check the network and try again; what has arrived is kept."},
		{&download.Error{Kind: download.Missing, Host: "hub.example", Status: 404}, DownloadMissing, "hub.example does not have this file any more. Choose another model."},
		{&download.Error{Kind: download.NoSpace, Host: "hub.example", Folder: "/data", Need: 5e9, Free: 1e9}, DownloadNoSpace,
			"The download needs 5.0 GB more, and 1.0 GB is free on the disk of /data. Free some space, or move the library to another disk."},
		{&download.Error{Kind: download.NoSpace, Folder: "/data", Need: 5e9}, DownloadNoSpace, "The download needs 5.0 GB more, and nothing is free on the disk of /data. Free some space, or move the library to another disk."},
		{&download.Error{Kind: download.Interrupted, Host: "hub.example"}, DownloadInterrupted, ""}, {&download.Error{Kind: download.Refused, Host: "hub.example", Status: 403}, DownloadRefused, "hub.example does not give this file (HTTP status 403). Try again later, or choose another model."},
		{&download.Error{Kind: download.Redirected, Host: "hub.example"}, DownloadRedirected, ""}, {&download.Error{Kind: download.Different, Host: "hub.example"}, DownloadDifferent, ""},
		{&download.Error{Kind: download.WebPage}, DownloadWebPage, ""}, {&download.Error{Kind: download.Busy}, DownloadBusy, ""},
		{engine.ErrContextFull, MessageTooLong, ""},
		{&host.GPUError{Name: "RTX 9", Fault: host.GPUHung, Err: errors.New("late")}, GPUHung,
			"RTX 9 did not answer in time. The processor continues in its place, and nothing is lost. The graphics card is used again when the program is started anew."},
		{&host.GPUError{Fault: host.GPUMissing, Err: errors.New("of 0 GPUs none can be used")}, GPUMissing, ""},
		{&host.GPUError{Name: "3", Fault: host.GPUNone, Err: errors.New("there are 2 GPUs")}, GPUNone, ""},
		{fmt.Errorf("dictation: %w", dictation.ErrNotTaken), TextUntaken, "The active window did not accept the text."},
		{dictation.ErrSystem, NoX11, ""},
		{dictation.ErrWayland, Wayland, "This desktop uses Wayland, which does not let one program type into another. Dictate in Soberano's own window and copy the text, or log in to an X11 session."},
		{&dictation.KeysError{Keys: "F9"}, KeysTaken, "Another program uses F9 already. Choose other keys."},
		{&Problem{Code: IsModel, Args: Args{File: "/m/m.gguf"}}, IsModel, "m.gguf is a model, not a recording. Add it to the library to use it."},
		{fmt.Errorf("chat: %w", models.Corrupt("/m/m.gguf", "is cut short: key \"a.b\" has 9 values of type string, but only 3 bytes follow")), ModelDamaged,
			"m.gguf is cut short. Download it again. In detail: key \"a.b\" has 9 values of type string, but only 3 bytes follow."},
		{&fs.PathError{Op: "open", Path: path, Err: syscall.EROFS}, ReadOnly, "/talks/a.wav can't be written: its drive can only be read. Check the switch of the drive and the permissions of the folder."},
		{&fs.PathError{Op: "read", Path: path, Err: syscall.EIO}, DriveFailed, "/talks/a.wav could not be read or written: its drive reported an error. Check the drive and its cable, and copy what is on it to another one."},
		{fmt.Errorf("store: %w", databaseError(8)), ReadOnly, "The file can't be written: its drive or its folder can only be read. Check the switch of the drive and the permissions of the folder."},
		{fmt.Errorf("store: %w", databaseError(10|3<<8)), DriveFailed, ""},
		{fmt.Errorf("store: %w", databaseError(13)), DiskFull, "The disk is full. Free some space."},
		{errors.New("asr: the machine ran out of luck"), Unknown, "The machine ran out of luck."},
		{errors.New("store: audio: a.wav"), Unknown, "a.wav."},
	} {
		got := Of(c.err)
		if got.Code != c.code || c.want != "" && got.Text() != c.want || !errors.Is(got.Err, c.err) {
			t.Errorf("%v: %s, %q, expected %s, %q", c.err, got.Code, got.Text(), c.code, c.want)
		}
	}
	if p := Of(nil); p.Code != None || p.Text() != "" {
		t.Errorf("nothing is %+v", p)
	}
}

// databaseError is an error of the database with a result code of SQLite.
type databaseError int

func (e databaseError) Error() string { return fmt.Sprintf("the database failed (%d)", int(e)) }
func (e databaseError) Code() int     { return int(e) }

// A problem that was stored has the same text afterwards.
func TestProblemsAreKept(t *testing.T) {
	holes := Problem{Code: AudioHoles, Args: Args{Places: 2, First: 7 * time.Second, Lost: 1200 * time.Millisecond}}
	for _, p := range []Problem{Of(&engine.ContextError{Prompt: 2707, Context: 2048}), holes,
		Of(&audio.Error{Path: path, At: 44, Kind: audio.Damaged, Reason: "the file is damaged", Err: audio.ErrFormat})} {
		p.Args.Model = "SmolLM2 135M"
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back Problem
		if err := json.Unmarshal(b, &back); err != nil || back.Code != p.Code || back.Args != p.Args || back.Text() != p.Text() {
			t.Errorf("%s became %+v, %v", b, back, err)
		}
	}
	newer := Problem{Code: "of-a-newer-version", Args: Args{Detail: "something new"}}
	if got := newer.Text(); got != "Something new." {
		t.Errorf("a code of a newer version: %q", got)
	}
}

// Every code has a text for any set of known arguments, without remaining placeholders.
func TestWords(t *testing.T) {
	all := Args{File: "f", Folder: "d", Model: "m", Device: "mic", Host: "h", Keys: "F9", Needed: 1, Free: 1, Others: "o", Prompt: 2, Message: 2, Limit: 1, Context: 1, Byte: 3, Places: 2, Track: 1, Tracks: 2, First: 1, Lost: 1, From: 1, Until: 2, Detail: "x", Advice: "y"}
	for code, ph := range english {
		for _, why := range ph.why {
			for _, name := range placeholder.FindAllString(why+ph.do+ph.title, -1) {
				if _, ok := all.named()[strings.Trim(name, "{}")]; !ok {
					t.Errorf("%s: unknown placeholder %s", code, name)
				}
			}
		}
		if w := (Problem{Code: code, Args: all}).Words(); w.Why == "" || strings.ContainsAny(w.Title+w.Why+w.Do, "{}") {
			t.Errorf("%s: %+v", code, w)
		}
	}
}

// Names and texts from outside are escaped in every sentence, and the sentence is short.
func TestWordsAreHarmless(t *testing.T) {
	bad := "a\x1b[2J\u202e" + strings.Repeat("x", 10<<20)
	for code := range english {
		p := Problem{Code: code, Args: Args{File: bad, Folder: bad, Model: bad, Device: bad, Host: bad, Keys: bad, Others: bad, Detail: bad, Advice: bad}}
		if text := p.Words().Title + p.Text(); len(text) > 8000 || strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%s: %d bytes, %.200q", code, len(text), text)
		}
	}
	if _, err := os.Open(filepath.Join(t.TempDir(), "a\x1b.wav")); strings.Contains(Text(err), "\x1b") {
		t.Errorf("%q", Text(err))
	}
}

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{"": "", "  ": "", "disk full": "Disk full.", "a.gguf is cut short": "a.gguf is cut short.", " done. ": "Done.", "/x/y is away": "/x/y is away.",
		"the family is not known; choose": "The family is not known; choose.", "ärger": "Ärger."} {
		if got := Sentence(in); got != want {
			t.Errorf("%q gives %q, expected %q", in, got, want)
		}
	}
}

// The note of an older version of the program is shown without the names of packages.
func TestOfNote(t *testing.T) {
	for note, want := range map[string]string{"engine: batch: NaN in the logits": "NaN in the logits.", "the disk: full": "The disk: full.", "": ""} {
		if got := OfNote(note).Text(); got != want {
			t.Errorf("%q gives %q, want %q", note, got, want)
		}
	}
}
