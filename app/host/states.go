package host

import (
	"strconv"

	"soberano/engine/state"
	"soberano/models"
	"soberano/models/apr"
)

// StatesFolder is the name of the folder of states in that of the program's data.
const StatesFolder = "states"

// mostStates is how many bytes the computed states of conversations take on disk.
const mostStates = 1 << 30

// statesOf returns where the states of conversations with a chat model are kept. Nothing is kept that was computed with encrypted weights.
func (h *Host) statesOf(f *models.File) *state.Disk {
	if f.Meta[apr.Encrypted] == true {
		return nil
	}
	return h.states
}

// ConversationName returns the engine.Request.Conversation of a stored conversation.
func ConversationName(id int64) string { return strconv.FormatInt(id, 10) }

// ForgetConversations removes the states of conversations that were deleted.
func (h *Host) ForgetConversations(ids []int64) error {
	if h.states == nil {
		return nil
	}
	return h.states.Forget(names(ids)...)
}

// LimitStates sets how many bytes the states take on disk at most; 0: the default, -1: none are kept.
func (h *Host) LimitStates(bytes int64) error {
	if h.states == nil {
		return nil
	}
	if bytes == 0 {
		bytes = mostStates
	}
	return h.states.Limit(bytes)
}

// KeepConversations removes all states but those of these conversations. What is being saved meanwhile may be lost.
func (h *Host) KeepConversations(ids []int64) error {
	if h.states == nil {
		return nil
	}
	return h.states.Only(names(ids))
}

func names(ids []int64) (list []string) {
	for _, id := range ids {
		list = append(list, ConversationName(id))
	}
	return list
}
