package asr

// observe reports whether Params.Stop was closed since the last call. If so, only windows that have been
// encoded, and those before them, are still decoded.
func (t *transcription) observe() bool {
	select {
	case <-t.p.Stop:
	default:
		return false
	}
	if t.stopped {
		return false
	}
	n := len(t.order)
	for n > 0 && !t.order[n-1].encoded {
		n--
	}
	t.cut = !t.allRead || n < len(t.order)
	t.order, t.allRead, t.stopped = t.order[:n], true, true
	return true
}

// ended returns the error of a loop that has nothing more to decode.
func (t *transcription) ended() error {
	if err := t.ctx.Err(); err != nil || !t.cut {
		return err
	}
	return ErrStopped
}
