package transcript

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"soberano/asr"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hostile is text that breaks a writer that does not escape.
const hostile = "First --> second <i>&amp; x\r\n\r\n2\n00:00:01,000 --> 00:00:02,000\n\tWEBVTT [00:10.00] * _#\x00 end"

// example has what is difficult for the formats: words with times, a long segment without them,
// Chinese, hostile text, silence, times above an hour, a segment without text.
func example() *Transcript {
	s := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	return &Transcript{
		Path: "talks/A [talk] & more.flac", Language: "en", Duration: s(3700.25), Model: "Whisper base",
		Segments: []asr.Segment{
			{Text: "Go forward, ten meters.", Start: s(0.32), End: s(2.5), Language: "en", Sure: 0.95, Final: true,
				AvgLogprob: -0.25, NoSpeech: 0.01, Compression: 0.9, Temperature: 0.2,
				Words: []asr.Word{{Text: "Go", Start: s(0.32), End: s(0.6), Prob: 0.9}, {Text: " forward,", Start: s(0.6), End: s(1.1), Prob: 0.8},
					{Text: " ten", Start: s(1.5), End: s(1.7), Prob: 0.99}, {Text: " meters.", Start: s(1.7), End: s(2.5), Prob: 1}}},
			{Text: "And so, my fellow Americans, ask not what your country can do for you. Ask what you can do for your country, and then some more words without an end that go on and on",
				Start: s(2.5), End: s(14), Language: "en", Final: true},
			{Text: "  ", Start: s(14), End: s(15)},
			{Text: "今天天气很好，我们去公园散步吧。明天可能会下雨，所以要带伞，还要穿上暖和的衣服，因为风很大，气温也会下降很多，请注意。", Start: s(20), End: s(29), Language: "zh", Final: true},
			{Text: hostile, Start: s(28), End: s(31.9994), Language: "en", Final: true, Looped: true},
			{Text: "[Music] An hour later.", Start: s(3690.015), End: s(3700), Language: "en", Final: true},
		},
	}
}

func write(t testing.TB, format string, tr *Transcript) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, tr); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, f := range Formats() {
		path := filepath.Join("testdata", "example."+f)
		got := write(t, f, example())
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nexpected\n%s", f, got, want)
		}
	}
}

// TestTranslated: formats with facts state that the text is a translation.
func TestTranslated(t *testing.T) {
	tr := &Transcript{Path: "a.wav", Language: "de", Translated: true, Segments: []asr.Segment{{Text: "Good morning.", End: time.Second, Language: "de", Final: true}}}
	if md := write(t, "md", tr); !strings.Contains(md, "\nGerman, translated to English\n") {
		t.Error(md)
	}
	if js := write(t, "json", tr); !strings.Contains(js, `"task":"translate","language":"de"`) {
		t.Error(js)
	}
	for _, c := range []struct {
		language   string
		translated bool
		want       string
	}{{"", false, ""}, {"de", false, "German"}, {"en", false, "English"}, {"en", true, "English"}, {"", true, "translated to English"}} {
		if got := Tongue(c.language, c.translated); got != c.want {
			t.Errorf("%q, %v: %q", c.language, c.translated, got)
		}
	}
}

func TestFormatOf(t *testing.T) {
	for _, f := range Formats() {
		if got := FormatOf("a.b/c." + strings.ToUpper(f)); got != f {
			t.Errorf("%s: %q", f, got)
		}
	}
	for path, want := range map[string]string{"x": "", "x.pdf": "", "x.markdown": "md", "x.text": "txt", "": ""} {
		if got := FormatOf(path); got != want {
			t.Errorf("%q: %q, expected %q", path, got, want)
		}
	}
	if err := Write(&bytes.Buffer{}, "pdf", example()); err == nil || !strings.Contains(err.Error(), "srt") {
		t.Errorf("an unknown format: %v", err)
	}
}

// full is a writer that fails after n bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestWriteErrorsAreTold(t *testing.T) {
	for _, f := range Formats() {
		room := full(20)
		if err := Write(&room, f, example()); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: %v", f, err)
		}
		if out := write(t, f, &Transcript{}); f != "txt" && f != "srt" && out == "" {
			t.Errorf("%s: nothing for an empty transcript", f)
		}
	}
}

// drawn generates transcripts, also with wrong times and words.
func drawn(t *rapid.T) *Transcript {
	words := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,12}[,.]?|[a-z]{90}`), 0, 40).Draw(t, "words"), " ")
	})
	text := rapid.OneOf(rapid.String(), words, rapid.StringMatching(`([我们今天很好，。]|[ア-ン「」ー]){0,90}`), rapid.SampledFrom([]string{hostile, "-->", "[00:01.00]", "1", "\n\n", "<b>&"}))
	at := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(-1e9, 4e13).Draw(t, "t"))
	})
	return &Transcript{
		Title: rapid.String().Draw(t, "title"), Error: rapid.String().Draw(t, "error"),
		Segments: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) asr.Segment {
			s := asr.Segment{Text: text.Draw(t, "text"), Start: at.Draw(t, "start"), End: at.Draw(t, "end")}
			if rapid.Bool().Draw(t, "near") {
				s.End = s.Start + time.Duration(rapid.Int64Range(0, 1e10).Draw(t, "long"))
			}
			if rapid.Bool().Draw(t, "timed") {
				for i, f := range strings.Fields(s.Text) {
					if i > 0 {
						f = " " + f
					}
					s.Words = append(s.Words, asr.Word{Text: f, Start: at.Draw(t, "word"), End: at.Draw(t, "word's end")})
				}
			}
			return s
		}), 0, 6).Draw(t, "segments"),
	}
}

// letters returns text without the spaces and line ends that depend on the format.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\u200b' {
			return -1
		}
		return r
	}, text)
}

// block is a cue as the tests' parser reads it.
type block struct {
	start, end int64
	text       string
}

var times = regexp.MustCompile(`^(\d{2,}):([0-5]\d):([0-5]\d)[,.](\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)[,.](\d{3})$`)

func parseTimes(t testing.TB, row string) (int64, int64) {
	t.Helper()
	m := times.FindStringSubmatch(row)
	if m == nil {
		t.Fatalf("no times: %q", row)
	}
	var n [9]int64
	for i := 1; i < 9; i++ {
		n[i], _ = strconv.ParseInt(m[i], 10, 64)
	}
	return ((n[1]*60+n[2])*60+n[3])*1000 + n[4], ((n[5]*60+n[6])*60+n[7])*1000 + n[8]
}

// parseSubtitles reads blocks that are separated by blank lines.
func parseSubtitles(t testing.TB, text string, numbered bool) []block {
	t.Helper()
	var out []block
	for i, part := range strings.Split(strings.TrimSuffix(text, "\n"), "\n\n") {
		rows := strings.Split(strings.Trim(part, "\n"), "\n")
		if numbered {
			if rows[0] != fmt.Sprint(i+1) {
				t.Fatalf("number %q, expected %d", rows[0], i+1)
			}
			rows = rows[1:]
		}
		if len(rows) < 2 || len(rows) > 1+cueLines {
			t.Fatalf("%d rows in %q", len(rows), part)
		}
		start, end := parseTimes(t, rows[0])
		out = append(out, block{start, end, strings.Join(rows[1:], " ")})
	}
	return out
}

// Lines that are out of order or of no length become visible cues in order; those in order keep their
// times.
func TestCuesOutOfOrder(t *testing.T) {
	s := func(start, end float64, text string) asr.Segment {
		return asr.Segment{Start: time.Duration(start * 1e9), End: time.Duration(end * 1e9), Text: text, Words: []asr.Word{{Text: text, Start: time.Duration(start * 1e9), End: time.Duration(end * 1e9)}}}
	}
	for _, c := range []struct {
		segments []asr.Segment
		want     string
	}{
		{[]asr.Segment{s(10, 12, "before"), s(40, 41, "late"), s(20, 22, "a"), s(22, 24, "b"), s(24, 26, "c")}, "10000-12000 12000-13320 20000-22000 22000-24000 24000-26000"},
		{[]asr.Segment{s(90, 91, "late"), s(20, 22, "a"), s(22, 24, "b")}, "18680-20000 20000-22000 22000-24000"},
		{[]asr.Segment{s(10, 12, "a"), s(20, 22, "b"), s(5, 6, "early")}, "10000-12000 20000-22000 22000-23400"},
		{[]asr.Segment{s(10, 12, "a"), s(15, 17, "b"), s(4, 5, "early"), s(18, 20, "c")}, "10000-12000 15000-17000 17000-18000 18000-20000"},
		{[]asr.Segment{s(10, 14, "a"), s(14, 14, "at once"), s(14, 14, "again"), s(14, 18, "b")}, "10000-13400 13400-13742 13742-14042 14042-18000"},
		{[]asr.Segment{s(10, 14, "a"), s(15, 15, "nothing"), s(18, 19, "b"), s(19, 19, "the end")}, "10000-14000 15000-16000 18000-19000 19000-19300"},
		{[]asr.Segment{s(10, 14, "a"), s(15, 15.1, "short"), s(15.1, 18, "b")}, "10000-14000 14800-15100 15100-18000"},
	} {
		var got []string
		for _, b := range parseSubtitles(t, write(t, "srt", &Transcript{Segments: c.segments}), true) {
			got = append(got, fmt.Sprintf("%d-%d", b.start, b.end))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: %s, expected %s", c.segments, strings.Join(got, " "), c.want)
		}
	}
}

// A short text over a long time is not shown all the time: its cues are broken, in a pause if the
// words' times show one.
func TestLongCuesAreBroken(t *testing.T) {
	long := asr.Segment{End: 29 * time.Second, Text: "It was not an ill-disposed young man, unless to be rather cold-hearted"}
	blocks := parseSubtitles(t, write(t, "srt", &Transcript{Segments: []asr.Segment{long}}), true)
	for _, b := range blocks {
		if b.end-b.start > longest {
			t.Errorf("a cue of %d ms: %q", b.end-b.start, b.text)
		}
	}
	pause := asr.Segment{End: 29 * time.Second, Text: "One two", Words: []asr.Word{{Text: "One", End: time.Second}, {Text: " two", Start: 28 * time.Second, End: 29 * time.Second}}}
	blocks = parseSubtitles(t, write(t, "srt", &Transcript{Segments: []asr.Segment{pause}}), true)
	if len(blocks) != 2 || blocks[0] != (block{0, 1000, "One"}) || blocks[1] != (block{28000, 29000, "two"}) {
		t.Errorf("%v", blocks)
	}
}

// checkBlocks checks that times increase without overlap and that the text is complete.
func checkBlocks(t testing.TB, blocks []block, want string) {
	t.Helper()
	var got strings.Builder
	last := int64(0)
	for _, b := range blocks {
		if b.start < last || b.end <= b.start {
			t.Fatalf("cue of %d to %d after %d", b.start, b.end, last)
		}
		last = b.end
		got.WriteString(b.text)
	}
	if letters(got.String()) != letters(want) {
		t.Fatalf("text %q, expected %q", got.String(), want)
	}
}

func TestSubtitlesHold(t *testing.T) {
	stamp := regexp.MustCompile(`<(\d{2,}:\d\d:\d\d\.\d{3})>`)
	back := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
	rapid.Check(t, func(rt *rapid.T) {
		tr := drawn(rt)
		if tr.Text() == "" {
			return
		}
		srt := write(t, "srt", tr)
		checkBlocks(t, parseSubtitles(t, srt, true), strings.ReplaceAll(tr.Text(), "-->", "→"))
		vtt, ok := strings.CutPrefix(write(t, "vtt", tr), "WEBVTT\n\n")
		if !ok || strings.Contains(srt+vtt, "\r") {
			t.Fatalf("header or line ends of %q", vtt)
		}
		blocks := parseSubtitles(t, vtt, false)
		for i, b := range blocks {
			last := b.start
			for _, m := range stamp.FindAllStringSubmatch(b.text, -1) {
				at, _ := parseTimes(t, m[1]+" --> "+m[1])
				if at <= last || at >= b.end {
					t.Fatalf("word at %d in a cue of %d to %d", at, last, b.end)
				}
				last = at
			}
			blocks[i].text = back.Replace(stamp.ReplaceAllString(b.text, ""))
		}
		checkBlocks(t, blocks, tr.Text())
		for _, b := range blocks {
			if b.end-b.start < shortest {
				t.Fatalf("a cue of %d ms", b.end-b.start)
			}
		}
	})
}

func TestLinesAreNarrow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := drawn(rt)
		for i := range tr.Segments {
			tr.Segments[i].Words = nil
		}
		for _, c := range tr.cues() {
			for _, row := range c.lines {
				if measure(row) > lineWidth {
					t.Fatalf("%d columns: %v", measure(row), row)
				}
			}
		}
	})
}

func TestTablesHold(t *testing.T) {
	lyric := regexp.MustCompile(`^\[(\d{2,}):([0-5]\d)\.(\d\d)\](.*)$`)
	rapid.Check(t, func(rt *rapid.T) {
		tr := drawn(rt)
		rows := strings.Split(strings.TrimSuffix(write(t, "tsv", tr), "\n"), "\n")
		if rows[0] != "start\tend\ttext" {
			t.Fatalf("head %q", rows[0])
		}
		var blocks []block
		for _, row := range rows[1:] {
			f := strings.Split(row, "\t")
			if len(f) != 3 {
				t.Fatalf("fields of %q", row)
			}
			start, err1 := strconv.ParseInt(f[0], 10, 64)
			end, err2 := strconv.ParseInt(f[1], 10, 64)
			if err1 != nil || err2 != nil {
				t.Fatalf("times of %q", row)
			}
			blocks = append(blocks, block{start, end, f[2]})
		}
		for i := range blocks { // lines of no length are there too
			blocks[i].end = max(blocks[i].end, blocks[i].start+1)
		}
		checkBlocks(t, blocks, tr.Text())
		if got := strings.Join(strings.Fields(write(t, "txt", tr)), " "); got != strings.Join(strings.Fields(tr.Text()), " ") {
			t.Fatalf("txt %q, expected %q", got, tr.Text())
		}

		head, body, _ := strings.Cut(write(t, "lrc", tr), "\n\n")
		if !strings.HasPrefix(head, "[ti:") {
			t.Fatalf("head %q", head)
		}
		var text strings.Builder
		last := int64(0)
		for _, row := range strings.Split(strings.TrimSuffix(body, "\n"), "\n") {
			if row == "" && tr.Text() == "" {
				continue
			}
			m := lyric.FindStringSubmatch(row)
			if m == nil || lyric.MatchString(m[4]) {
				t.Fatalf("row %q", row)
			}
			minutes, _ := strconv.ParseInt(m[1], 10, 64)
			rest, _ := strconv.ParseInt(m[2]+m[3], 10, 64)
			if at := minutes*6000 + rest; at < last {
				t.Fatalf("%q after %d", row, last)
			} else {
				last = at
			}
			text.WriteString(m[4])
		}
		if letters(text.String()) != letters(tr.Text()) {
			t.Fatalf("lrc %q, expected %q", text.String(), tr.Text())
		}
	})
}

func TestJSONHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := drawn(rt)
		var got struct {
			Text, Error string
			Segments    []struct {
				Start, End float64
				Text       string
				Words      []struct{ Word string }
			}
		}
		if err := json.Unmarshal([]byte(write(t, "json", tr)), &got); err != nil {
			t.Fatal(err)
		}
		if got.Text != tr.Text() || len(got.Segments) != len(tr.Segments) {
			t.Fatalf("%q of %d segments, expected %q of %d", got.Text, len(got.Segments), tr.Text(), len(tr.Segments))
		}
		for i, s := range tr.Segments {
			if g := got.Segments[i]; g.Text != strings.ToValidUTF8(s.Text, "�") || g.Start != seconds(s.Start) || len(g.Words) != len(s.Words) {
				t.Fatalf("segment %+v, expected %+v", g, s)
			}
		}
	})
}

// Markdown consists of paragraphs, separated by a blank line, each beginning with a bold time.
func TestMarkdownHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := drawn(rt)
		tr.Error = ""
		for i, p := range strings.Split(strings.TrimSpace(write(t, "md", tr)), "\n\n") {
			if want := regexp.MustCompile(map[bool]string{true: `^# `, false: `^\*\*(\d+:)?\d+:\d\d\*\* `}[i == 0]); !want.MatchString(p) || strings.Contains(p, "\n") {
				t.Fatalf("paragraph %q", p)
			}
		}
	})
}
