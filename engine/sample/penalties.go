package sample

// penalties lowers the logits of recent tokens of history.
func (s *Sampler) penalties(history []int32) {
	repeat := s.p.Repeat
	if repeat == 0 {
		repeat = 1
	}
	if repeat == 1 && s.p.Frequency == 0 && s.p.Presence == 0 {
		return
	}
	clear(s.seen)
	for _, id := range last(history, s.p.Last) {
		s.seen[id]++
	}
	s.adjust(s.seen, func(l float32, n int32) float32 {
		if l > 0 {
			l /= repeat
		} else {
			l *= repeat
		}
		return l - float32(n)*s.p.Frequency - s.p.Presence
	})
}

// adjust changes the logits of the tokens in a map, given their values there.
func (s *Sampler) adjust(of map[int32]int32, change func(logit float32, n int32) float32) {
	if len(of) > 0 {
		s.c.best = false
	}
	if s.c.byID {
		for id, n := range of {
			if i := s.c.find(id); i >= 0 {
				s.c.list[i].logit = change(s.c.list[i].logit, n)
			}
		}
		return
	}
	for i, x := range s.c.list {
		if n, ok := of[x.id]; ok {
			s.c.list[i].logit = change(x.logit, n)
		}
	}
}

// last returns the last n tokens; n is 0 for defaultLast and -1 for all.
func last(history []int32, n int) []int32 {
	switch n {
	case 0:
		n = defaultLast
	case -1:
		return history
	}
	return history[max(0, len(history)-n):]
}
