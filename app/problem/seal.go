package problem

import (
	"strings"

	"soberano/models"
	"soberano/models/registry"
)

// Seal says whether the weights of a model are encrypted, and who has signed its file; "" if neither is so.
func Seal(i registry.Info) (text string) {
	if i.Encrypted {
		text = "Its weights are encrypted; the password is asked for when it is opened. "
	}
	if i.SignedBy == "" {
		return strings.TrimSpace(text)
	}
	switch name, err := registry.Signer(i.SignedBy, "you"); {
	case err != nil || name == "":
		text += "It is signed with the key " + models.Printable(i.SignedBy) + ", which is not among those that you trust."
	default:
		text += "It is signed by " + models.Printable(name) + "."
	}
	return text
}
