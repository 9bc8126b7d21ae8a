package cli

import (
	"fmt"
	"os"

	"soberano/engine"
	"soberano/engine/vision"
	"soberano/models"
)

// readImages reads the files of --image.
func readImages(paths []string) (list []*vision.Image, err error) {
	for _, path := range paths {
		m, err := readImage(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", models.Printable(path), err)
		}
		list = append(list, m)
	}
	return list, nil
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
