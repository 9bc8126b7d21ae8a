package cli

import (
	"errors"
	"io/fs"
	"os"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/engine"
	"soberano/engine/vision"
	"soberano/models"
	"soberano/models/registry"
)

// readImages reads the files of --image.
func readImages(paths []string) (list []*vision.Image, err error) {
	for _, path := range paths {
		m, err := readImage(path)
		if err != nil {
			return nil, imageError{path, err}
		}
		list = append(list, m)
	}
	return list, nil
}

// imageError is the error of a file of --image.
type imageError struct {
	path string
	err  error
}

func (e imageError) Error() string {
	if _, system := errors.AsType[*fs.PathError](e.err); system { // whose words name the file
		return problem.Text(e.err)
	}
	return models.Printable(e.path) + ": " + problem.Text(e.err)
}
func (e imageError) Unwrap() error { return e.err }
func (imageError) inWords()        {}

// seesImages returns an error that says what is missing if there are images and the model of an entry can't see them.
func seesImages(e registry.Entry, images []*vision.Image) error {
	if len(images) == 0 {
		return nil
	}
	s := host.Look(e)
	if s.Projector != "" {
		return nil
	}
	wrong := problem.OfSight(s, e.Title)
	return &wrong
}

// attachments returns images as those of message number at of a request.
func attachments(images []*vision.Image, at int) (list []engine.Attachment) {
	for _, m := range images {
		list = append(list, engine.Attachment{Message: at, Image: m})
	}
	return list
}

func readImage(path string) (*vision.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return vision.Decode(f)
}
