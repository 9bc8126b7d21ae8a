package serve

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"

	"soberano/engine"
	"soberano/engine/vision"
)

// mostImages is the largest number of images of a request.
const mostImages = 32

// dataURL decodes the image of a data URL. Other URLs are refused: the program makes no connections.
func dataURL(param, url string) (*vision.Image, error) {
	head, data, ok := strings.Cut(url, ",")
	if !strings.HasPrefix(head, "data:") || !ok {
		return nil, refuse(param, "Images have to be in the request, as data URLs (data:image/png;base64,…): this program makes no connections to fetch them.")
	}
	if !strings.HasSuffix(head, ";base64") {
		return nil, refuse(param, "The data URL of an image must be encoded in base64.")
	}
	return base64Image(param, data)
}

// base64Image decodes an image that is encoded in base64.
func base64Image(param, data string) (*vision.Image, error) {
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(data); err != nil {
			return nil, refuse(param, "An image is not valid base64.")
		}
	}
	m, err := vision.Decode(bytes.NewReader(raw))
	switch {
	case errors.Is(err, vision.ErrFormat):
		return nil, refuse(param, "An image can't be read: PNG, JPEG, GIF, WebP and BMP can.")
	case err != nil:
		return nil, refuse(param, "An image can't be read: %v.", err)
	}
	return m, nil
}

// attach adds an image to message number at.
func (o *order) attach(param string, at int, decode func() (*vision.Image, error)) error {
	if len(o.request.Images) == mostImages {
		return refuse(param, "A request may have at most %d images.", mostImages)
	}
	m, err := decode()
	if err != nil {
		return err
	}
	o.request.Images = append(o.request.Images, engine.Attachment{Message: at, Image: m})
	return nil
}
