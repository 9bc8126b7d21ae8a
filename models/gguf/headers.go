package gguf

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"soberano/models"
)

// Parsed counts the headers that were parsed. It is for tests.
var Parsed atomic.Int64

// headers keeps the headers that were parsed last: on its way into the library and to its first token a file is opened several times.
var headers keptHeaders

// keptHeaders holds the headers of a few files, without their memory maps, for keptFor after the last one was added.
type keptHeaders struct {
	mu    sync.Mutex
	files []keptHeader // the last one used at the end
	end   *time.Timer
}

type keptHeader struct {
	path, stamp string
	*header
}

const (
	mostKept = 2 // a model and the one beside it: its projector or its draft
	keptFor  = time.Minute
)

// settled is how long a file must not have been changed before its header is kept: one that is changed twice within the resolution of the file system's times has the same stamp.
var settled = 2 * time.Second

// of returns the header of the file at path, which is mapped to data. before is its stamp before that; if it is the same afterwards, it is that of data.
func (k *keptHeaders) of(path, before string, data []byte) (*header, error) {
	after, changed, err := models.Stamp(path)
	stable := err == nil && before == after && time.Since(changed) > settled
	if stable {
		if h := k.find(path, after); h != nil {
			return h, nil
		}
	}
	h, err := parse(path, data)
	Parsed.Add(1)
	if err == nil && stable {
		k.keep(keptHeader{path, after, h})
	}
	return h, err
}

// find returns a header that is kept, or nil.
func (k *keptHeaders) find(path, stamp string) *header {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.files, func(f keptHeader) bool { return f.path == path && f.stamp == stamp })
	if i < 0 {
		return nil
	}
	f := k.files[i]
	k.files = append(slices.Delete(k.files, i, i+1), f)
	return f.header
}

// keep adds a header.
func (k *keptHeaders) keep(f keptHeader) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files = append(slices.DeleteFunc(k.files, func(old keptHeader) bool { return old.path == f.path }), f)
	if len(k.files) > mostKept {
		k.files = slices.Delete(k.files, 0, len(k.files)-mostKept)
	}
	if k.end != nil {
		k.end.Stop()
	}
	k.end = time.AfterFunc(keptFor, k.drop)
}

// drop frees all headers.
func (k *keptHeaders) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files = nil
}
