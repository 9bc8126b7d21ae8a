package library

import (
	"fmt"

	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// explain returns the problem of a file that could not be added, without actions.
func explain(name string, err error) ui.Problem {
	wrong := problem.Of(err)
	title := "%s could not be added."
	if wrong.Code == problem.NotAModel {
		title = "%s is not a model file."
		if wrong.Args.File != "" { // the kind of the file is known
			title = "%s can't be used."
		}
	}
	return ui.Problem{Title: fmt.Sprintf(title, models.Printable(name)), Why: wrong.Text()}
}

// unusable returns the problem of a valid file that this version can't run.
func unusable(i registry.Info) ui.Problem {
	return ui.Problem{Title: fmt.Sprintf("%s can't be run by this version.", i.Title),
		Why: problem.Sentence(i.Reason) + " The file has not been changed."}
}
