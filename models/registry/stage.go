package registry

import (
	"fmt"
	"slices"
	"strings"
)

// Stage says how far a model has come on its way into use. A model without one is not managed in stages.
type Stage string

// The stages, and the moves between them:
//
//	(none) ─▶ any      development ─▶ staging ─▶ production ─▶ archived ─▶ development
//	                        ◀──────────┘ ◀────────────┘            ▲
//	                        └───────────┴──────────────────────────┘
const (
	Development Stage = "development"
	Staging     Stage = "staging"
	Production  Stage = "production"
	Archived    Stage = "archived"
)

// moves are the allowed moves from each stage.
var moves = map[Stage][]Stage{
	"":          {Development, Staging, Production, Archived},
	Development: {Staging, Archived},
	Staging:     {Development, Production, Archived},
	Production:  {Staging, Archived},
	Archived:    {Development},
}

// Moves returns the stages to which a model of stage s may be moved.
func (s Stage) Moves() []Stage { return slices.Clone(moves[s]) }

// MoveError means that a model may not be moved from a stage to another.
type MoveError struct {
	Name     string
	From, To Stage
}

func (e *MoveError) Error() string {
	var allowed []string
	for _, s := range e.From.Moves() {
		allowed = append(allowed, string(s))
	}
	text := fmt.Sprintf("%s is in stage %s, from which it may be moved to %s, not to %s", e.Name, e.From, strings.Join(allowed, " or "), e.To)
	if e.From == "" {
		text = fmt.Sprintf("there is no stage %q: a model may be moved to %s", string(e.To), strings.Join(allowed, ", "))
	}
	return text
}

// SetStage moves a model to a stage. The error is a *MoveError if that is not allowed.
func (l *Library) SetStage(name string, to Stage) (Entry, error) {
	return l.change(name, func(e *Entry) error {
		if e.Stage != to && !slices.Contains(moves[e.Stage], to) {
			return &MoveError{e.Name, e.Stage, to}
		}
		e.Stage = to
		return nil
	})
}
