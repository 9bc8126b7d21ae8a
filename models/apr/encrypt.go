package apr

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"golang.org/x/crypto/argon2"

	"soberano/models"
)

// Of an encrypted file the tensors are encrypted, with the padding between them, in place: they have the same length and offsets. Header,
// metadata (with the tokenizer and the model card) and index can be read by everybody. The block of the encryption has, behind its beginning,
//
//	16  u8 1: Argon2id, version 0x13        17  u8 1: AES-256-GCM       18  u16 lanes
//	20  u32 passes    24  u32 KiB of memory       28  u32 bytes of a chunk, a multiple of 64
//	32  16 bytes: salt of the password      48  16 bytes: identity of the file
//	64  32 bytes: check of the password     96  16 bytes for each chunk: its tag
//
// and zeros. The tensors, from the data offset to the padding of the last one, are a sequence of chunks, the last of which may be shorter. With
//
//	master  = Argon2id(password, salt; 32 bytes)
//	check   = HKDF-SHA256(master; salt: identity; info: "APR v2 password" · bytes 0 … 63 of the block)
//	key     = HKDF-SHA256(master; salt: identity; info: "APR v2 key" · bytes 0 … 63 of the block · SHA-256(head))
//	head    = all bytes before the data offset, with flag 0x8 (signed) and the checksum of the header, bytes 40 … 43, set to zero
//
// chunk i is AES-256-GCM(key; nonce: u64 i, u32 0), without additional data. Salt and identity are random, so that no two files have one key. Since
// the key depends on the head, which determines the number of chunks and what lies where, a chunk that is missing, in another place or from another file has a wrong tag.

// Values that are written. Source of those of Argon2id: RFC 9106, section 4, second recommended option.
const (
	ownPasses = 3
	ownMemory = 64 << 10 // KiB
	ownLanes  = 4
	ownChunk  = 1 << 20
)

// Limits of what is read: a file can demand no more than a gigabyte of memory and some seconds.
const (
	mostMemory = 1 << 20 // KiB
	mostWork   = 4 << 20 // KiB times passes
	mostLanes  = 64
	leastChunk = 4 << 10
	mostChunk  = 16 << 20
)

const (
	checkFrom = 64 // offset of the check of the password in the block
	tagsFrom  = 96
	tagBytes  = 16
)

// ErrPassword is wrapped by the error of an encrypted file that has not been unlocked, and ErrWrongPassword by that of Unlock with another password.
var (
	ErrPassword      = errors.New("a password is needed")
	ErrWrongPassword = errors.New("the password is wrong")
)

// Lock encrypts files. The shards of a model share one.
type Lock struct {
	lock   [checkFrom]byte // the beginning of the block, without its length and the identity of a file
	master []byte
}

// NewLock returns a Lock for a password. It takes a moment, as does Unlock.
func NewLock(password []byte) *Lock {
	l := new(Lock)
	b := l.lock[:]
	b[16], b[17] = 1, 1
	le.PutUint16(b[18:], ownLanes)
	le.PutUint32(b[20:], ownPasses)
	le.PutUint32(b[24:], ownMemory)
	le.PutUint32(b[28:], ownChunk)
	_, _ = rand.Read(b[32:48]) // never fails
	l.master = masterOf(b, password)
	return l
}

// masterOf derives the key that the password of a block gives. The parameters are within the limits.
func masterOf(block, password []byte) []byte {
	return argon2.IDKey(password, block[32:48], le.Uint32(block[20:]), le.Uint32(block[24:]), uint8(le.Uint16(block[18:])), 32)
}

// derive returns 32 bytes that depend on the master key, the beginning of the block and what follows.
func derive(master, block []byte, purpose string, further []byte) ([]byte, error) {
	info := purpose + string(block[:checkFrom]) + string(further)
	return hkdf.Key(sha256.New, master, block[48:64], info, 32)
}

// encryptionBytes is the length of the block for so many bytes of tensors.
func encryptionBytes(size uint64, chunk int) uint64 {
	return padded(tagsFrom + (size+uint64(chunk)-1)/uint64(chunk)*tagBytes)
}

// block returns the block for a file whose bytes before the data are head, without tags, and the cipher.
func (l *Lock) block(head []byte, size uint64) ([]byte, cipher.AEAD, error) {
	b := newBlock(kindEncryption, int(encryptionBytes(size, ownChunk))-blockHead)
	copy(b[blockHead:], l.lock[blockHead:])
	_, _ = rand.Read(b[48:64])
	check, err := derive(l.master, b, "APR v2 password", nil)
	if err != nil {
		return nil, nil, err
	}
	copy(b[checkFrom:], check)
	aead, err := aeadOf(l.master, b, head)
	return b, aead, err
}

// aeadOf returns the cipher of a file with this block and these bytes before the data.
func aeadOf(master, block, head []byte) (cipher.AEAD, error) {
	first := append([]byte(nil), head[:headerBytes]...)
	le.PutUint16(first[6:], le.Uint16(first[6:])&^flagSigned)
	le.PutUint32(first[40:], 0)
	sum := sha256.New()
	sum.Write(first)
	sum.Write(head[headerBytes:])
	key, err := derive(master, block, "APR v2 key", sum.Sum(nil))
	if err != nil {
		return nil, err
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(c)
}

func nonceOf(i int) []byte { return le.AppendUint32(le.AppendUint64(nil, uint64(i)), 0) }

// encrypting is a writer that encrypts what is written to w, chunk by chunk, and collects the tags. Close writes the last chunk.
type encrypting struct {
	w     io.Writer
	aead  cipher.AEAD
	tags  []byte // what is left of the tags in the block
	chunk []byte
	i     int
}

func (e *encrypting) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		k := min(len(b), ownChunk-len(e.chunk))
		if e.chunk, b = append(e.chunk, b[:k]...), b[k:]; len(e.chunk) == ownChunk {
			if err := e.Close(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// Close encrypts and writes the bytes that are left. It does not close w.
func (e *encrypting) Close() error {
	if len(e.chunk) == 0 {
		return nil
	}
	n := len(e.chunk)
	sealed := e.aead.Seal(e.chunk[:0], nonceOf(e.i), e.chunk, nil)
	e.tags = e.tags[copy(e.tags, sealed[n:]):]
	e.chunk = sealed[:0]
	e.i++
	_, err := e.w.Write(sealed[:n])
	return err
}

// unlocked holds the master keys of the passwords that Unlock has been given, by the beginning of the block from which they follow.
var unlocked = struct {
	sync.Mutex
	keys map[string][]byte
}{keys: map[string][]byte{}}

// lockName is what determines the master key besides the password.
func lockName(block []byte) string { return string(block[16:48]) }

// Unlock lets this process read the encrypted file at path, and others that are encrypted with the same Lock, as the shards of a model are. The key stays in memory.
// The error wraps ErrWrongPassword if it is the wrong password. A file that is not encrypted needs none.
func Unlock(path string, password []byte) error {
	data, release, err := models.Map(path)
	if err != nil {
		return err
	}
	err = unlock(path, data, password)
	return errors.Join(err, release())
}

func unlock(path string, data, password []byte) error {
	h, _, err := parse(path, data)
	if err != nil {
		return err
	}
	block := h.trailer.encryption
	if block == nil {
		return nil
	}
	if err := h.checkEncryption(); err != nil {
		return err
	}
	master := masterOf(block, password)
	ok, err := opens(master, block)
	switch {
	case err != nil:
		return err
	case !ok:
		return &models.FileError{Path: path, Reason: "has another password", Advice: "check the password", Kind: ErrWrongPassword}
	}
	unlocked.Lock()
	defer unlocked.Unlock()
	unlocked.keys[lockName(block)] = master
	return nil
}

// opens reports whether a master key belongs to the block.
func opens(master, block []byte) (bool, error) {
	check, err := derive(master, block, "APR v2 password", nil)
	return err == nil && subtle.ConstantTimeCompare(check, block[checkFrom:][:32]) == 1, err
}

// checkEncryption checks the parameters of the encryption, before they determine how much is computed.
func (h *header) checkEncryption() error {
	b, size := h.trailer.encryption, h.tensorEnd-h.dataAt
	if len(b) < tagsFrom || b[16] != 1 || b[17] != 1 {
		return models.Unsupported(h.path, "write it again as one plain file", "is encrypted in a way that this program does not know")
	}
	lanes, passes, memory, chunk := uint64(le.Uint16(b[18:])), uint64(le.Uint32(b[20:])), uint64(le.Uint32(b[24:])), le.Uint32(b[28:])
	if lanes < 1 || lanes > mostLanes || passes < 1 || memory < 8*lanes || memory > mostMemory || passes*memory > mostWork {
		return models.Unsupported(h.path, "write it again with less", "asks for %d passes over %s KiB of memory to check its password, more than is allowed", passes, models.Grouped(memory))
	}
	if chunk < leastChunk || chunk > mostChunk || chunk%64 != 0 || encryptionBytes(size, int(chunk)) != uint64(len(b)) {
		return models.Corrupt(h.path, "is damaged: its encryption says that chunks have %d bytes, which does not fit %s bytes of tensors", chunk, models.Grouped(size))
	}
	if n := tagsFrom + int((size+uint64(chunk)-1)/uint64(chunk))*tagBytes; !zero(b[n:]) {
		return models.Corrupt(h.path, "is damaged: bytes follow the tags of its encryption")
	}
	return nil
}

// decrypt gives the tensors their decrypted bytes, in memory, if the file is encrypted and unlocked. Otherwise it is an error that wraps ErrPassword. b is the file.
func (h *header) decrypt(b []byte) error {
	block := h.trailer.encryption
	if block == nil {
		return nil
	}
	if err := h.checkEncryption(); err != nil {
		return err
	}
	unlocked.Lock()
	master := unlocked.keys[lockName(block)]
	unlocked.Unlock()
	if master == nil {
		return &models.FileError{Path: h.path, Reason: "is encrypted", Advice: "its password is needed", Kind: ErrPassword}
	}
	if ok, err := opens(master, block); err != nil || !ok {
		return errors.Join(err, &models.FileError{Path: h.path, Reason: "is encrypted", Advice: "its password is needed", Kind: ErrPassword})
	}
	aead, err := aeadOf(master, block, b[:h.dataAt])
	if err != nil {
		return err
	}
	plain, err := decrypted(aead, b[h.dataAt:h.tensorEnd], block[tagsFrom:], int(le.Uint32(block[28:])))
	if err != nil {
		return models.Corrupt(h.path, "is damaged: %v", err)
	}
	for i := range h.tensors {
		x := &h.tensors[i]
		x.data = plain[x.offset : x.offset+x.size : x.offset+x.size]
	}
	return nil
}

// decrypted returns the plain text of chunks, decrypted by several goroutines.
func decrypted(aead cipher.AEAD, b, tags []byte, chunk int) ([]byte, error) {
	out := make([]byte, len(b))
	count := (len(b) + chunk - 1) / chunk
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for worker := range errs {
		wait.Go(func() {
			buffer := make([]byte, 0, min(chunk, len(b))+tagBytes)
			for i := worker; i < count && errs[worker] == nil; i += len(errs) {
				from, to := i*chunk, min(len(b), (i+1)*chunk)
				sealed := append(append(buffer, b[from:to]...), tags[i*tagBytes:][:tagBytes]...)
				if _, err := aead.Open(out[from:from], nonceOf(i), sealed, nil); err != nil {
					errs[worker] = fmt.Errorf("its encrypted bytes %s to %s of the tensors are not those that were written", models.Grouped(from), models.Grouped(to))
				}
				models.Forget(b[from:to])
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Locked reports whether the file at path is encrypted and has not been unlocked. Of the shards of a model, the one at path is looked at.
func Locked(path string) (bool, error) {
	data, release, err := models.Map(path)
	if err != nil {
		return false, err
	}
	h, _, err := parse(path, data)
	locked := false
	if err == nil && h.trailer.encryption != nil {
		unlocked.Lock()
		locked = unlocked.keys[lockName(h.trailer.encryption)] == nil
		unlocked.Unlock()
	}
	return locked, errors.Join(err, release())
}
