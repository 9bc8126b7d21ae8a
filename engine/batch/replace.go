package batch

import (
	"errors"
	"math"
	"slices"

	"soberano/engine/arch"
	"soberano/engine/state"
	"soberano/kernels"
)

// Replace returns a model of the same file on another device, which the queue then owns, after the device in use has failed.
type Replace func(cause error) (arch.Model, kernels.Device, error)

// SetReplace has replace called when the device fails for the first time: a step fails, its logits are no numbers, or there is no
// memory for a sequence although none is under way. The requests under way then continue on the other device, which computes
// their tokens again. It must be called before the first Submit.
func (q *Queue) SetReplace(replace Replace) { q.replace = replace }

// stepFailed ends the requests of a step that failed, or has them go on elsewhere.
func (q *Queue) stepFailed(cause error) {
	if err := q.replaceDevice(cause); err != nil {
		q.fail(err)
		return
	}
	for _, s := range q.slots {
		if err := q.restart(s); err != nil {
			s.ticket.end(err)
			s.ticket, s.pending = nil, nil
		}
	}
	q.slots = slices.DeleteFunc(q.slots, (*slot).ended)
}

// replaceDevice replaces the device after it has failed with cause. It returns cause if it can't, and why. The states of the old device are
// lost.
func (q *Queue) replaceDevice(cause error) error {
	if q.replace == nil {
		return cause
	}
	model, dev, err := q.replace(cause)
	q.replace = nil
	if err != nil {
		return errors.Join(cause, err)
	}
	budget := q.tree.Budget()
	_ = q.tree.Close() // the device has failed, and is closed
	q.model, q.dev, q.lost, q.fastest = model, dev, nil, math.MaxInt64
	q.tree = state.New(dev, model.Shape().State(q.cap), budget)
	return nil
}

// restart begins the sequence of a slot again. Each is not called again for the positions for which it has been.
func (q *Queue) restart(s *slot) error {
	s.from, s.draft, s.ahead = max(s.from, s.done), nil, false
	r := s.ticket.req
	r.Tokens, r.From = s.tokens, s.from
	seq, err := q.begin(r)
	if err != nil {
		return err
	}
	s.seq, s.done = seq, seq.State.Len()
	s.pending = slices.Clone(s.tokens[s.done:])
	return nil
}

// numbers reports whether there is no NaN among the logits of the step.
func (q *Queue) numbers(logits *kernels.Rows) bool {
	for i := range q.wants {
		for _, x := range logits.Row(i) {
			if math.IsNaN(float64(x)) {
				return false
			}
		}
	}
	return true
}
