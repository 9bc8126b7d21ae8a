package shell

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/models"
)

// deleteChat puts a conversation into the trash and offers to undo that.
func (d *Shell) deleteChat(c store.Conversation) { d.deleteChats([]store.Conversation{c}) }

// deleteChats is deleteChat for several conversations. If one of them is open, the screen leaves it at once.
func (d *Shell) deleteChats(list []store.Conversation) {
	stay := d.page != chatPage || d.window.Canvas().Focused() == fyne.Focusable(d.side.list)
	was := d.chat.Conversation()
	var ids []int64
	for _, c := range list {
		d.chat.Deleting(c.ID)
		ids = append(ids, c.ID)
	}
	d.side.list.drop(ids, time.Now())
	turn := d.opening.turn
	store.Ask(d.work, func(s *store.Store) ([]int64, error) { return s.DeleteAll(ids) }, func(gone []int64, err error) {
		next := (*store.Store).New
		if err != nil {
			d.undeleted(ids, err)
			if slices.Contains(ids, was) {
				next = func(*store.Store) (store.Conversation, error) { return store.Conversation{ID: was}, nil }
			}
		} else {
			d.forgetChats(ids)
			d.deletedChats(slices.DeleteFunc(list, func(c store.Conversation) bool { return !slices.Contains(gone, c.ID) }))
		}
		if open := d.chat.Conversation(); slices.Contains(ids, open) || open == 0 && turn == d.opening.turn {
			d.load("A new chat could not be created.", next, stay, d.listChanged)
		}
	})
}

// forgetChats removes what was computed for conversations that were deleted.
func (d *Shell) forgetChats(ids []int64) {
	d.work.Do(func(*store.Store) error { return d.Host.ForgetConversations(ids) }, func(err error) {
		if err != nil {
			d.notice("What was computed for a deleted chat could not be removed from the disk.", err)
		}
	})
}

// keepStates removes what was computed for conversations that are not there any more.
func (d *Shell) keepStates(s *store.Store) error {
	if !s.OnDisk() {
		return nil
	}
	list, err := s.Conversations()
	if err != nil {
		return err
	}
	var ids []int64
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return d.Host.KeepConversations(ids)
}

// limitStates removes what was computed for chats beyond the limit of the settings.
func (d *Shell) limitStates() {
	most := d.values.Values().States
	d.changeStates(func() error { return d.Host.LimitStates(most) })
}

// deleteStates removes what was computed for all chats.
func (d *Shell) deleteStates() {
	d.changeStates(func() error { return d.Host.KeepConversations(nil) })
}

// changeStates removes something of what was computed for chats, and says in the settings what is left.
func (d *Shell) changeStates(remove func() error) {
	d.work.Do(func(*store.Store) error { return remove() }, func(err error) {
		if err != nil {
			d.notice("What was computed for chats could not be removed from the disk.", err)
		}
		if d.page == settingsPage {
			d.settings.Refresh()
		}
	})
}

// undeleted reports that conversations could not be deleted.
func (d *Shell) undeleted(ids []int64, err error) {
	title := "This chat could not be deleted."
	if len(ids) > 1 {
		title = "The chats could not be deleted."
	}
	d.notice(title, err)
	for _, id := range ids {
		d.chat.Restored(id)
	}
	d.showTalk()
	d.side.refresh()
}

// deletedChats offers to undo the deletion of these conversations, and of those that were deleted shortly before.
func (d *Shell) deletedChats(list []store.Conversation) {
	if len(list) == 0 { // they were deleted twice at once
		return
	}
	d.gone = append(d.gone, list...)
	words := fmt.Sprintf("“%s” is deleted.", models.Printable(d.gone[0].Name()))
	if n := len(d.gone); n > 1 {
		words = fmt.Sprintf("%s chats are deleted.", models.Grouped(n))
	}
	d.side.refresh()
	if d.page == trashPage {
		d.trash.refresh()
	}
	d.tell(words, ui.Action{Label: "Undo", Do: func() { d.restoreChats(d.gone) }}, ui.Action{Label: "Trash", Do: func() { d.show(trashPage) }})
}

// askDelete puts several conversations into the trash after a question, and one at once.
func (d *Shell) askDelete(list []store.Conversation) {
	if len(list) == 1 {
		d.deleteChats(list)
		return
	}
	words := fmt.Sprintf("Delete %s chats? They stay in the trash for %d days.", models.Grouped(len(list)), trashDays)
	d.confirm("Delete chats", words, "Delete", func() { d.deleteChats(list) })
}

// askDeleteAll puts all conversations in which something was written into the trash after a question.
func (d *Shell) askDeleteAll() {
	d.chat.SaveDraft()
	store.Ask(d.work, (*store.Store).Conversations, func(all []store.Conversation, err error) {
		list := slices.DeleteFunc(all, func(c store.Conversation) bool {
			return c.Messages == 0 && c.Draft == "" && len(c.Images) == 0 && c.Title == ""
		})
		switch {
		case err != nil:
			d.notice("The conversations could not be read.", err)
		case len(list) == 0:
			d.tell("There is no chat to delete.")
		default:
			words := fmt.Sprintf("Delete all %s chats? They stay in the trash for %d days.", models.Grouped(len(list)), trashDays)
			if len(list) == 1 {
				words = fmt.Sprintf("Delete the only chat, “%s”? It stays in the trash for %d days.", ui.Drawable(models.Printable(list[0].Name())), trashDays)
			}
			d.confirm("Delete all chats", words, "Delete all", func() { d.deleteChats(list) })
		}
	})
}

// trashDays is how many days something stays in the trash.
const trashDays = int(store.TrashTime / (24 * time.Hour))

// tell shows a message in the sidebar for a while. It can be closed.
func (d *Shell) tell(words string, actions ...ui.Action) {
	d.side.say(words, append(actions, ui.Action{Label: "Close", Do: d.hush})...)
	d.passing.Start(d.side.toast, d.hush)
}

// hush removes the message in the sidebar.
func (d *Shell) hush() {
	d.passing.Stop()
	d.gone = nil
	d.side.say("")
	d.side.list.unselect()
	d.refocus()
}

// selected shows how many conversations are selected in the list, and what can be done with them.
func (d *Shell) selected(list []store.Conversation) {
	if len(list) == 0 {
		d.hush()
		return
	}
	words := "1 chat is selected."
	if n := len(list); n > 1 {
		words = fmt.Sprintf("%s chats are selected.", models.Grouped(n))
	}
	d.gone = nil
	d.passing.Stop()
	d.side.say(words, ui.Action{Label: "Delete", Do: func() { d.askDelete(list) }}, ui.Action{Label: "Cancel", Do: d.hush})
}

// restoreChats takes conversations out of the trash, and opens the last one.
func (d *Shell) restoreChats(list []store.Conversation) {
	d.hush()
	d.work.Do(func(s *store.Store) (err error) {
		for _, c := range list {
			err = errors.Join(err, s.Restore(c.ID))
		}
		return err
	}, func(err error) {
		if err != nil {
			d.notice("The chat could not be restored.", err)
			d.side.refresh()
			return
		}
		for _, c := range list {
			d.chat.Restored(c.ID)
		}
		c := list[len(list)-1]
		d.openChat(c)
		d.side.refresh()
	})
}
