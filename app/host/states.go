package host

import (
	"strconv"

	"soberano/engine/state"
	"soberano/models"
	"soberano/models/apr"
)

// StatesFolder is the name of the folder of states in that of the program's data.
const StatesFolder = "states"

// MostStates is how many bytes the computed states of conversations take on disk at most, if nothing else was chosen.
const MostStates = 1_000_000_000

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
		bytes = MostStates
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

// StatesBytes returns how many bytes the states take on disk.
func (h *Host) StatesBytes() (int64, error) {
	if h.states == nil {
		return 0, nil
	}
	return h.states.Bytes()
}

func names(ids []int64) (list []string) {
	for _, id := range ids {
		list = append(list, ConversationName(id))
	}
	return list
}
