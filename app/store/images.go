package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Image is an image of a message or of a draft. Its file is stored once, however many messages have it, and is removed with the last
// of them.
type Image struct {
	Hash   string `json:"hash"`   // SHA-256 of the file, in hexadecimal
	Name   string `json:"name"`   // of the file; "" if the image came without one, as from the clipboard
	Width  int    `json:"width"`  // in pixels
	Height int    `json:"height"` // in pixels
	Data   []byte `json:"-"`      // the file, if it may not be stored yet; nil in what the store returns, see Picture
}

// NewImage returns the image that a file holds.
func NewImage(name string, width, height int, data []byte) Image {
	sum := sha256.Sum256(data)
	return Image{hex.EncodeToString(sum[:]), strings.ToValidUTF8(name, "\ufffd"), width, height, data}
}

// ErrImageDamaged reports that the stored file of an image is not what was stored.
var ErrImageDamaged = errors.New("store: the image is damaged")

// imagesOf returns a column with images as JSON, in their order; condition selects rows of attachments, which is named a.
func imagesOf(condition string) string {
	return `(SELECT json_group_array(json(x)) FROM (SELECT json_object('hash', a.image, 'name', a.name, 'width', i.width, 'height', i.height) AS x
		FROM attachments a JOIN images i ON i.hash = a.image WHERE ` + condition + ` ORDER BY a.id))`
}

// images reads a column of imagesOf.
type images []Image

// Scan implements sql.Scanner.
func (m *images) Scan(v any) error {
	*m = nil
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("images are %T, expected text", v)
	}
	if text == "[]" {
		return nil
	}
	return json.Unmarshal([]byte(text), (*[]Image)(m))
}

// Attach adds images to the draft of a conversation. One that the draft has already stays as it is.
func (s *Store) Attach(conversation int64, list ...Image) error {
	err := s.transact(func(tx *sql.Tx) error {
		var known int
		if err := tx.QueryRow(`SELECT count(*) FROM conversations WHERE id = ?`, conversation).Scan(&known); err != nil {
			return err
		}
		if known == 0 {
			return ErrNotFound
		}
		for _, m := range list {
			var has int
			err := tx.QueryRow(`SELECT count(*) FROM attachments WHERE conversation = ? AND message IS NULL AND image = ?`, conversation, m.Hash).Scan(&has)
			if err == nil && has == 0 {
				err = addImage(tx, conversation, nil, m)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("store: image: %w", err)
	}
	return err
}

// Detach removes an image from the draft of a conversation.
func (s *Store) Detach(conversation int64, hash string) error {
	return s.change(`DELETE FROM attachments WHERE conversation = ? AND message IS NULL AND image = ?`, conversation, hash)
}

// addImage adds an image to a message; message nil: to the draft.
func addImage(tx *sql.Tx, conversation int64, message any, m Image) error {
	if m.Data != nil {
		if _, err := tx.Exec(`INSERT OR IGNORE INTO images (hash, width, height, data) VALUES (?, ?, ?, ?)`, m.Hash, m.Width, m.Height, m.Data); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`INSERT INTO attachments (conversation, message, image, name) VALUES (?, ?, ?, ?)`, conversation, message, m.Hash, m.Name)
	return err
}

// addImages adds the images of a new message, and removes them from the draft.
func addImages(tx *sql.Tx, m *Message) error {
	for i, image := range m.Images {
		if err := addImage(tx, m.Conversation, m.ID, image); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM attachments WHERE conversation = ? AND message IS NULL AND image = ?`, m.Conversation, image.Hash); err != nil {
			return err
		}
		m.Images[i].Data = nil
	}
	return nil
}

// Picture returns the file of an image. The error is ErrNotFound or ErrImageDamaged, or that of reading.
func (s *Store) Picture(hash string) (data []byte, err error) {
	err = s.db.QueryRow(`SELECT data FROM images WHERE hash = ?`, hash).Scan(&data)
	switch sum := sha256.Sum256(data); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("store: image: %w", err)
	case hex.EncodeToString(sum[:]) != hash:
		return nil, ErrImageDamaged
	}
	return data, nil
}
