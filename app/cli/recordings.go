package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"soberano/app/filekind"
	"soberano/app/problem"
	"soberano/asr/transcript"
)

// recording is a file to transcribe, and the files for its transcripts:
//
//	talk.flac           → talk.srt beside it, or in --output
//	DIR/2026/talk.flac  → OUTPUT/2026/talk.srt
//	a/talk.flac a/talk.mp3 → a/talk.flac.srt a/talk.mp3.srt, since both would be talk.srt
type recording struct {
	path  string
	below string   // its path below the given folder, or its name
	files []string // the files for its transcripts, by format
	err   error    // why it can't be read
}

// findRecordings lists the recordings of paths, each once; folders reports whether a path is a folder. A folder is searched
// recursively, hidden files excepted; one without recordings is listed with an error, unless there is no recording at all. Recordings in it are recognised by their content or their extension: a broken WAV is
// reported, a picture is skipped.
func findRecordings(paths []string) (all []recording, folders bool) {
	seen := map[string]bool{}
	var empty []recording
	add := func(r recording) {
		if full, err := filepath.Abs(r.path); err != nil || !seen[full] {
			seen[full] = true
			all = append(all, r)
		}
	}
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil || !st.IsDir() {
			if err == nil {
				err = unlike(p)
			}
			add(recording{path: p, below: filepath.Base(p), err: err})
			continue
		}
		folders = true
		inside := searchFolder(p)
		for _, r := range inside {
			add(r)
		}
		if len(inside) == 0 {
			empty = append(empty, recording{path: p, below: filepath.Base(p), err: &problem.Problem{Code: problem.IsFolder}})
		}
	}
	if len(all) > 0 { // otherwise the caller says that there are none
		for _, r := range empty {
			add(r)
		}
	}
	return all, folders
}

// unlike returns why a file that was named is certainly not a recording; nil if it may be one.
func unlike(path string) error {
	switch filekind.Of(path) {
	case filekind.Model:
		return &problem.Problem{Code: problem.IsModel, Args: problem.Args{File: path}}
	case filekind.Other, filekind.Document, filekind.Picture:
		return &problem.Problem{Code: problem.NotRecording, Args: problem.Args{File: path}}
	}
	return nil
}

// searchFolder lists a folder's recordings by name. A folder that can't be searched is listed with an error.
func searchFolder(dir string) (all []recording) {
	filekind.Walk(dir, func(path string, kind filekind.Kind, err error) {
		if err == nil && kind != filekind.Recording {
			return
		}
		below, relErr := filepath.Rel(dir, path)
		all = append(all, recording{path: path, below: below, err: errors.Join(err, relErr)})
	})
	return all
}

// nameFiles chooses the files for the transcripts of each recording: beside the recording, or below output.
func nameFiles(all []recording, formats []string, output string) {
	place := func(r recording) string {
		if output != "" {
			return filepath.Join(output, r.below)
		}
		return r.path
	}
	stem := func(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) }
	same := map[string]int{}
	for _, r := range all {
		same[stem(place(r))]++
	}
	taken := map[string]bool{}
	for i := range all {
		name := place(all[i])
		if s := stem(name); same[s] == 1 {
			name = s
		}
		for n, base := 2, name; taken[name]; n++ { // two given folders may contain the same names
			name = fmt.Sprintf("%s (%d)", base, n)
		}
		taken[name] = true
		for _, f := range formats {
			all[i].files = append(all[i].files, name+"."+f)
		}
	}
}

// parseFormats parses the value of --format.
func parseFormats(list string) ([]string, error) {
	var formats []string
	for _, f := range strings.Split(list, ",") {
		f = strings.ToLower(strings.TrimSpace(f))
		if transcript.FormatOf("x."+f) != f || f == "" {
			return nil, usagef("--format is a list of %s, not %q", strings.Join(transcript.Formats(), ", "), list)
		}
		if !slices.Contains(formats, f) {
			formats = append(formats, f)
		}
	}
	return formats, nil
}
