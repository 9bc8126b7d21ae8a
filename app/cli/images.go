package cli

import (
	"fmt"
	"os"

	"soberano/engine"
	"soberano/engine/vision"
	"soberano/models"
)

// readImages reads the files of --image, for message number at of a request.
func readImages(paths []string, at int) (list []engine.Attachment, err error) {
	for _, path := range paths {
		m, err := readImage(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", models.Printable(path), err)
		}
		list = append(list, engine.Attachment{Message: at, Image: m})
	}
	return list, nil
}

func readImage(path string) (*vision.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return vision.Decode(f)
}
