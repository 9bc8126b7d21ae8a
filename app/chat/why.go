package chat

// Why says what is behind an error in sentences, for cards outside of a conversation.
func Why(err error) string { return why(err) }
