package shell

import (
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"

	"soberano/app/filekind"
	"soberano/app/problem"
	"soberano/app/transcribe"
	"soberano/app/ui"
	"soberano/models"
)

// dropped handles files dropped on the window.
func (d *Shell) dropped(uris []fyne.URI) {
	var paths []string
	for _, u := range uris {
		if u.Scheme() == "file" {
			paths = append(paths, filepath.FromSlash(u.Path()))
		}
	}
	d.OpenFiles(paths)
}

// OpenFiles transcribes recordings and treats the other files as models. To tell them apart it reads the files, which takes a while
// on a slow disk.
func (d *Shell) OpenFiles(paths []string) {
	if len(paths) == 0 {
		return
	}
	d.sorting.Add(1)
	go func() {
		defer d.sorting.Done()
		sorted := filekind.Sort(paths)
		d.Post(func() { d.take(sorted) })
	}()
}

// take adds recordings to the queue, images to the message that is being written, and models to the library. Documents are reported on the page that is shown then,
// and so are other files if there are recordings among the files or the Transcribe page was shown; otherwise the library reports them.
// Where the chat with the images is not the page that is shown at last, that page says where they are.
func (d *Shell) take(s filekind.Sorted) {
	d.attach(s.Pictures, len(s.Recordings) == 0)
	if len(s.Recordings) > 0 {
		d.show(filesPage)
		d.files.Add(s.Recordings)
	}
	toAdd, refused := append(s.Models, s.Neither...), s.Documents
	if d.page == filesPage {
		toAdd, refused = s.Models, append(refused, s.Neither...)
	}
	d.addModels(toAdd)
	d.tellFolders(s) // on the page that is shown at last
	d.tellPictures(s.Pictures)
	switch {
	case len(refused) == 0:
	case d.page == filesPage:
		d.files.Refuse(refused, whyRefused(s, refused))
	default:
		p := ui.Problem{Title: transcribe.Names(refused) + " can't be read.", Why: whyRefused(s, refused)}
		if d.page == chatPage {
			d.chat.NoticeOfMessage(p)
		} else {
			d.report(p)
		}
	}
}

// whyRefused says of files that were refused what they are. Where that is not the same for all of them, the files are named.
func whyRefused(s filekind.Sorted, refused []string) string {
	var groups [][]string
	var words []string
	add := func(list []string, why string) {
		list = slices.DeleteFunc(slices.Clone(list), func(path string) bool { return !slices.Contains(refused, path) })
		if len(list) > 0 {
			groups, words = append(groups, list), append(words, why)
		}
	}
	add(s.Documents, problem.Problem{Code: problem.IsDocument}.Text())
	add(s.Blank, problem.Problem{Code: problem.AudioEmpty}.Text())
	add(s.Absent, problem.Problem{Code: problem.FileMissing}.Text())
	if len(words) == 1 && len(groups[0]) == len(refused) {
		return words[0]
	}
	for i, list := range groups {
		words[i] = transcribe.Names(list) + ": " + words[i]
	}
	return strings.Join(words, "\n")
}

// tellFolders reports folders that contain nothing to open, and those that could not be searched to their end.
func (d *Shell) tellFolders(s filekind.Sorted) {
	for _, dir := range s.Empty {
		d.report(ui.Problem{Title: "“" + models.Printable(filepath.Base(dir)) + "” holds no recording and no model."})
	}
	for _, err := range s.Errors {
		d.notice("A folder was not searched to its end.", err)
	}
}

// attach adds images to the message that is being written, and shows it.
func (d *Shell) attach(paths []string, show bool) {
	if len(paths) == 0 {
		return
	}
	if show && d.page != chatPage {
		d.show(chatPage)
	}
	d.chat.AttachFiles(paths)
}

// tellPictures says that images were added to the message in the chat, if that is not shown.
func (d *Shell) tellPictures(paths []string) {
	if len(paths) == 0 || d.page == chatPage {
		return
	}
	words := " is added to the message in the chat."
	if len(paths) > 1 {
		words = " are added to the message in the chat."
	}
	var close func()
	close = d.report(ui.Problem{Title: transcribe.Names(paths) + words, Actions: []ui.Action{{Label: "Show the chat", Do: func() {
		close()
		d.show(chatPage)
		d.chat.Focus(d.window.Canvas())
	}}}})
}

// addModels imports models. The cards are shown on the present page if it is the chat, otherwise on the Models page.
func (d *Shell) addModels(paths []string) {
	if len(paths) == 0 {
		return
	}
	if d.page != chatPage && d.page != modelsPage {
		d.show(modelsPage)
	}
	d.importers[d.page].Drop(paths)
}

func (d *Shell) chooseModelFile() {
	d.chooseFile(filekind.ModelExtensions, func(path string) { d.addModels([]string{path}) })
}

func (d *Shell) chooseFolder() {
	f := dialog.NewFolderOpen(func(l fyne.ListableURI, err error) {
		if err != nil {
			d.notice("The folder could not be opened.", err)
		} else if l != nil {
			d.addModels([]string{filepath.FromSlash(l.Path())})
		}
	}, d.window)
	f.Resize(fyne.NewSize(760, 520))
	f.Show()
}
