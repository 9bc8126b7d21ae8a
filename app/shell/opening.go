package shell

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"soberano/app/store"
)

// thread is a conversation with its messages.
type thread struct {
	store.Conversation
	messages []store.Message
}

// opening is the conversation that is being opened, and those that are opened after it.
type opening struct {
	turn   int    // number of conversations whose opening was begun
	on     bool   // one is being opened
	before string // the text of the entry that belongs to the conversation that was open before
	next   []nextChat
}

// nextChat is a conversation that is opened after another one, into which something was typed before that was shown:
//
//	Ctrl+N  typed for the first  Ctrl+N  typed for the second
//	                             ╰ text: that of the entry at this moment
type nextChat struct {
	text string
	sent bool // the message in the conversation before it is to be sent
	load func()
}

// load reads the conversation that find returns, shows it and then calls shown, unless another conversation was chosen
// meanwhile. Text that is typed before it is shown goes into the new conversation, and so does that of the entry if no conversation is
// open. With stay, the page and the focus are not changed, and neither are they if another page was shown meanwhile.
func (d *Shell) load(failed string, find func(*store.Store) (store.Conversation, error), stay bool, shown func()) {
	o, text := &d.opening, d.chat.Composer.Entry.Text
	start := func() {
		before := ""
		if d.chat.Conversation() != 0 {
			before = d.chat.Composer.Entry.Text
		}
		d.loadAfter(before, failed, find, stay, shown)
	}
	base, typed := o.before, text != o.before || d.chat.Sending()
	if n := len(o.next); n > 0 {
		base = o.next[n-1].text
		typed = text != base || d.chat.Sending()
		if o.on && !typed { // in place of the one that was chosen last
			o.next[n-1].load = start
			return
		}
	}
	if o.on && typed && strings.HasPrefix(text, base) {
		o.next = append(o.next, nextChat{text, d.chat.Sending(), start})
		d.chat.SetSending(false)
		return
	}
	o.next = nil
	start()
}

// loadNext opens the conversation that was chosen while the one that is open now was being opened. typed was typed since then,
// with send to be sent.
func (d *Shell) loadNext(next []nextChat, typed string, send bool) {
	if len(next) == 0 {
		return
	}
	entry, was := d.chat.Composer.Entry, next[0].text
	next[0].load()
	text := entry.Text
	for i := range next[1:] {
		n := &next[1+i]
		n.text = text + strings.TrimPrefix(n.text, was)
	}
	d.opening.next = next[1:]
	if typed != "" {
		entry.SetText(text + typed)
		entry.ToEnd()
	}
	d.chat.SetSending(send)
}

// takeNext returns the conversations that are to be opened after the one that is, and what was typed for them; it leaves in the entry
// what was typed before.
func (d *Shell) takeNext() (next []nextChat, typed string, send bool) {
	next, d.opening.next = d.opening.next, nil
	if len(next) == 0 {
		return nil, "", false
	}
	entry := d.chat.Composer.Entry
	if rest, ok := strings.CutPrefix(entry.Text, next[0].text); ok && rest != "" {
		typed = rest
		entry.SetText(next[0].text)
	}
	send = d.chat.Sending()
	d.chat.SetSending(next[0].sent)
	return next, typed, send
}

// loadAfter is load; before is the text of the entry that belongs to the open conversation.
func (d *Shell) loadAfter(before, failed string, find func(*store.Store) (store.Conversation, error), stay bool, shown func()) {
	o := &d.opening
	o.turn++
	o.on, o.before = true, before
	turn, ended, entry, shows := o.turn, d.chat.Ended(), d.chat.Composer.Entry, d.shows
	d.chat.SaveDraft()
	d.chat.Hold()
	store.Ask(d.work, func(s *store.Store) (t thread, err error) {
		if t.Conversation, err = find(s); err != nil {
			return t, err
		}
		if t.Conversation, err = s.Conversation(t.ID); err != nil { // a row of the list may be older than the draft
			return t, err
		}
		t.messages, err = s.Messages(t.ID)
		return t, err
	}, func(t thread, err error) {
		stay := stay || d.shows != shows && d.page != chatPage
		switch {
		case turn != o.turn:
			return
		case err == nil && ended != d.chat.Ended(): // an answer has ended meanwhile, perhaps one of this conversation
			d.loadAfter(before, failed, find, stay, shown)
			return
		}
		o.on = false
		next, later, send := d.takeNext()
		if err != nil {
			d.chat.Release(false)
			closeNotice := d.notice(failed, err)
			d.side.refresh() // at the start it was not read yet
			d.startLater(closeNotice)
		} else {
			typed, more := strings.CutPrefix(entry.Text, before)
			if more = more && typed != ""; more {
				entry.SetText(before)
			}
			d.chat.Open(t.Conversation, t.messages)
			if !stay {
				d.show(chatPage)
				d.chat.Focus(d.window.Canvas())
			}
			shown()
			if more {
				entry.SetText(behind(entry.Text, typed))
				entry.ToEnd()
			}
			d.chat.Release(true)
		}
		d.loadNext(next, later, send)
	})
}

// startLater opens the conversation with which the window opens, if none is open, as soon as that is possible, and then calls opened.
func (d *Shell) startLater(opened func()) {
	time.AfterFunc(d.Retry, func() {
		d.Post(func() {
			if d.chat.Conversation() != 0 || d.opening.on {
				return
			}
			store.Ask(d.work, (*store.Store).Start, func(_ store.Conversation, err error) {
				if err != nil {
					d.startLater(opened)
					return
				}
				opened()
				d.emptyChat((*store.Store).Start, "")
			})
		})
	})
}

// behind returns a draft with what was typed behind it, with a space between them.
func behind(draft, typed string) string {
	last, _ := utf8.DecodeLastRuneInString(draft)
	if first, _ := utf8.DecodeRuneInString(typed); draft != "" && !unicode.IsSpace(last) && !unicode.IsSpace(first) {
		draft += " "
	}
	return draft + typed
}
