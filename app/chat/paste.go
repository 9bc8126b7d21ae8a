package chat

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"soberano/app/filekind"
	"soberano/asr/audio"
)

// paste attaches what is in the clipboard if that is an image, or the paths or addresses of image files. It returns false for other
// text, which the entry inserts.
func (s *Screen) paste(c fyne.Clipboard) bool {
	text := ""
	if c != nil {
		text = c.Content()
	}
	if text == "" || !utf8.ValidString(text) || audio.IsPicture([]byte(text)) { // some programs give an image to whoever asks for text
		s.pasteImage(text)
		return true
	}
	paths := pathsIn(text)
	if paths == nil {
		s.pasteText(text)
		return true
	}
	s.running.Add(1)
	go func() { // looking at files may take long
		defer s.running.Done()
		pictures := !slices.ContainsFunc(paths, func(p string) bool { return filekind.Of(p) != filekind.Picture })
		s.Post(func() {
			if !pictures {
				s.Composer.Entry.Insert(text)
				return
			}
			s.AttachFiles(paths)
		})
	}()
	return true
}

// pasteText inserts text, and behind it what follows a NUL character in the clipboard, at which Fyne ends the text. NUL characters are
// left out.
func (s *Screen) pasteText(text string) {
	e, conversation := s.Composer.Entry, s.conversation.ID
	e.Insert(text)
	if s.ClipboardText == nil {
		return
	}
	mark := e.AddMark(e.Caret())
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		all, err := s.ClipboardText()
		s.Post(func() {
			if rest, cut := strings.CutPrefix(all, text+"\x00"); err == nil && cut && s.conversation.ID == conversation {
				e.InsertAt(mark, strings.ReplaceAll(rest, "\x00", ""))
			}
			e.RemoveMark(mark)
		})
	}()
}

// pasteImage attaches the image in the clipboard. If there is none, text is inserted.
func (s *Screen) pasteImage(text string) {
	if s.ClipboardImage == nil {
		s.Composer.Entry.Insert(text)
		return
	}
	conversation := s.conversation.ID
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		data, err := s.ClipboardImage()
		s.Post(func() {
			switch {
			case err != nil:
				s.unreadable(conversation, File{}, err)
			case len(data) > 0:
				s.Attach(File{Data: data})
			default:
				s.Composer.Entry.Insert(text)
			}
		})
	}()
}

// AttachFiles is Attach for the paths of files.
func (s *Screen) AttachFiles(paths []string) {
	var files []File
	for _, p := range paths {
		files = append(files, File{Path: p, Name: filepath.Base(p)})
	}
	s.Attach(files...)
}

// mostPaths is the number of lines up to which a pasted text is taken for a list of files.
const mostPaths = 100

// pathsIn returns the paths of a text that has nothing but absolute paths or file: addresses, one on each line, as file managers copy
// them; nil for any other text.
func pathsIn(text string) (paths []string) {
	if len(text) > 64<<10 {
		return nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n\x00")
		if line == "" {
			continue
		}
		path := line
		if strings.HasPrefix(line, "file:") {
			u, err := url.Parse(line)
			if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
				return nil
			}
			path = filepath.FromSlash(u.Path)
		}
		if !filepath.IsAbs(path) || len(paths) == mostPaths {
			return nil
		}
		paths = append(paths, path)
	}
	return paths
}
