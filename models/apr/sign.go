package apr

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"hash/crc32"
	"io"

	"soberano/models"
)

// The block of a signature has, behind its beginning,
//
//	16  32 bytes: the public key
//	48  64 bytes: the signature, Ed25519ph (RFC 8032) with the context "APR v2", of all bytes of the file before the block
//
// and zeros. An encrypted file is signed as it is stored, so that the signature is checked without the password.

const signatureContext = "APR v2"

// signatureBytes is the length of the block.
const signatureBytes = (blockHead + ed25519.PublicKeySize + ed25519.SignatureSize + 63) / 64 * 64

var signatureOptions = &ed25519.Options{Hash: crypto.SHA512, Context: signatureContext}

// signatureOf returns the block for a file whose bytes before the block have this SHA-512.
func signatureOf(key ed25519.PrivateKey, digest []byte) ([]byte, error) {
	signature, err := key.Sign(nil, digest, signatureOptions)
	if err != nil {
		return nil, err
	}
	b := newBlock(kindSignature, signatureBytes-blockHead)
	copy(b[blockHead:], key.Public().(ed25519.PublicKey))
	copy(b[blockHead+ed25519.PublicKeySize:], signature)
	return b, nil
}

// signer returns the key by which the file says that it is signed; nil if it is not.
func (t *trailer) signer() ed25519.PublicKey {
	if t.signature == nil {
		return nil
	}
	return ed25519.PublicKey(t.signature[blockHead:][:ed25519.PublicKeySize])
}

// checkSignature compares the file with its signature, if it has one.
func (h *header) checkSignature(ctx context.Context) error {
	key := h.trailer.signer()
	if key == nil {
		return nil
	}
	digest := sha512.New()
	if err := hashPieces(ctx, digest, h.trailer.signed); err != nil {
		return err
	}
	signature := h.trailer.signature[blockHead+ed25519.PublicKeySize:]
	if ed25519.VerifyWithOptions(key, digest.Sum(nil), signature[:ed25519.SignatureSize], signatureOptions) != nil || !zero(signature[ed25519.SignatureSize:]) {
		return &models.FileError{Path: h.path, Reason: "is not what was signed: its signature does not match", Advice: "get it again from where it comes", Kind: models.ErrCorrupt}
	}
	return nil
}

func zero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// Sign writes the file at path to w with a signature, in place of the one that it may have. Its tensors and its encryption stay as they are.
func Sign(ctx context.Context, w io.Writer, path string, key ed25519.PrivateKey) error {
	data, release, err := models.Map(path)
	if err != nil {
		return err
	}
	err = sign(ctx, w, path, data, key)
	return errors.Join(err, release())
}

func sign(ctx context.Context, w io.Writer, path string, data []byte, key ed25519.PrivateKey) error {
	h, b, err := parse(path, data)
	if err == nil {
		err = h.verify(ctx, b)
	}
	if err != nil {
		return err
	}
	head := append([]byte(nil), b[:headerBytes]...)
	h.flags |= flagSigned
	h.put(head)
	body := h.trailer.signed[headerBytes:]
	digest := sha512.New()
	digest.Write(head)
	if err := hashPieces(ctx, digest, body); err != nil {
		return err
	}
	block, err := signatureOf(key, digest.Sum(nil))
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	packed, err := Compression(h.flags&(flagLZ4|flagZSTD)).writer(w, uint64(len(body)+len(block)+4))
	if err != nil {
		return err
	}
	sum := crc32.Update(crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, body), crc32.IEEETable, block)
	for _, part := range [][]byte{body, block, le.AppendUint32(nil, sum)} {
		if _, err := packed.Write(part); err != nil {
			return err
		}
	}
	return packed.Close()
}
