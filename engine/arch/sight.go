package arch

import "soberano/models"

// Sight says what a language model takes in the place of tokens (nn.Step.Given).
type Sight struct {
	Width int  // values of a row, those of the first layers included
	Axes  bool // the rows of an image have positions with several axes (nn.Step.Put)
}

// Sees returns what m takes in the place of tokens; false: nothing.
func Sees(m Model) (Sight, bool) {
	s, ok := m.(interface{ sight() Sight })
	if !ok {
		return Sight{}, false
	}
	return s.sight(), true
}

// SightWidth returns the width of the rows that the language model of f takes in the place of tokens, if it takes any.
func SightWidth(f *models.File) (int, error) {
	family, err := f.Meta.String("general.architecture", "")
	if err != nil {
		return 0, models.InFile(f.Path, err)
	}
	dim, err := f.Meta.Int(family+".embedding_length", 0)
	if err != nil {
		return 0, models.InFile(f.Path, err)
	}
	deep, err := f.Meta.Int(family+".n_deepstack_layers", 0)
	if err != nil {
		return 0, models.InFile(f.Path, err)
	}
	if deep < 0 || deep > maxLayers || dim < 0 || dim > maxWidth {
		return 0, nil
	}
	return (1 + deep) * dim, nil
}
