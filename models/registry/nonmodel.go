package registry

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"soberano/models"
	"soberano/models/ggml"
	"soberano/models/safetensors"
)

// Advice that the table below repeats.
const (
	getGGUF   = "download the GGUF form of the model, a single .gguf file"
	notPickle = "for chat download the GGUF form, a single .gguf file; for speech the safetensors folder, whisper.cpp's ggml .bin, or the CTranslate2 folder of the same model"
	unpack    = "unpack it and drop the .gguf file that is in it"
)

// nonModel is a kind of file that people try to import although it is not a model.
type nonModel struct {
	is     func(head []byte, ext string) bool
	reason string
	advice string
	vague  bool // the content does not tell what the file was meant to be
}

// nonModels is tried in order.
var nonModels = []nonModel{
	{func(b []byte, _ string) bool { return len(b) == 0 }, "is empty", "the download was probably interrupted: download it again", true},
	{begins("version https://git-lfs"), "is only a pointer to the model, left by a git clone without Git LFS", "fetch the file itself with `git lfs pull`, or download it from the model's page", true},
	{isHTML, "is a web page, not a model", "the link led to a page, perhaps one that asks for a sign-in or a licence: open it in a browser and download the file from there", true},
	{func(b []byte, ext string) bool {
		return isZip(b, "") && (bytes.Contains(b, []byte("data.pkl")) || ext == ".pt" || ext == ".pth" || ext == ".bin" || ext == ".ckpt")
	}, "is a PyTorch model, which can carry programs and is not opened here", notPickle, false},
	{isZip, "is a zip archive", unpack, false},
	{isPickle, "is a Python pickle (an older PyTorch model), which can carry programs and is not opened here", notPickle, false},
	{begins("lmgg", "tjgg", "fmgg", "algg"), "is a model in ggml form, the predecessor of GGUF", getGGUF, false},
	{isONNX, "is an ONNX network, which this program does not run", getGGUF, false},
	{isCTranslate2, "is a CTranslate2 model that is not Whisper", "for chat, " + getGGUF, false},
	{begins("\x1f\x8b", "BZh", "\xfd7zXZ\x00", "7z\xbc\xaf\x27\x1c", "Rar!", "\x28\xb5\x2f\xfd"), "is a compressed archive", unpack, false},
	{func(b []byte, _ string) bool { return len(b) > 262 && string(b[257:262]) == "ustar" }, "is a tar archive", unpack, false},
	{begins("RIFF", "fLaC", "ID3", "OggS"), "is a sound or video file, not a model", "it can be transcribed instead", false},
	{begins("\x89PNG", "\xff\xd8\xff", "GIF8"), "is a picture, not a model", getGGUF, false},
	{begins("%PDF"), "is a PDF document, not a model", getGGUF, false},
	{begins("\x7fELF", "MZ", "\xcf\xfa\xed\xfe"), "is a program, not a model", getGGUF, false},
	{begins("\x00\x00\x00\x00\x00\x00\x00\x00"), "begins with zeros only: the download was probably not completed", "download it again", true},
	{isJSON, "is a text in JSON, perhaps the description that belongs to a model, not the model", getGGUF, true},
}

// nonModelKind returns the kind of a file that is not a model.
func nonModelKind(path string, head []byte) (nonModel, bool) {
	ext := strings.ToLower(filepath.Ext(path))
	for _, w := range nonModels {
		if w.is(head, ext) {
			return w, true
		}
	}
	return nonModel{}, false
}

// unknownFileError says what a file is whose format is unknown.
func unknownFileError(path string, head []byte) error {
	if w, ok := nonModelKind(path, head); ok {
		return &models.FileError{Path: path, Reason: w.reason, Advice: w.advice, Kind: models.ErrUnknownFormat}
	}
	e := &models.FileError{Path: path, Reason: "is not a model file that this program knows", Advice: "chat models come as .gguf files, speech models as Whisper folders, ggml .bin or .apr files", Kind: models.ErrUnknownFormat}
	if strings.EqualFold(filepath.Ext(path), ".gguf") {
		e.Reason, e.Advice = "is called .gguf, but does not begin as a GGUF file does", "download it again"
	}
	return e
}

// unknownDirectoryError says what a directory without a model is.
func unknownDirectoryError(dir string) error {
	e := &models.FileError{Path: dir, Reason: "holds no model that this program knows", Advice: "choose a .gguf file, a Whisper folder, or a ggml .bin", Kind: models.ErrUnknownFormat}
	names, err := os.ReadDir(dir)
	if err != nil {
		return models.NotReadable(dir, err)
	}
	for _, n := range names {
		if isPyTorch(filepath.Join(dir, n.Name())) {
			e.Reason, e.Advice = fmt.Sprintf("holds a PyTorch model (%s), which can carry programs and is not opened here", models.Printable(n.Name())), notPickle
		}
	}
	if len(names) == 0 {
		e.Reason = "is an empty folder"
	}
	return e
}

// isPyTorch reports whether a file is a PyTorch model, by extension and content.
func isPyTorch(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	if !slices.Contains([]string{".pt", ".pth", ".bin", ".ckpt"}, ext) {
		return false
	}
	head, err := headOf(path)
	return err == nil && (isZip(head, ext) || isPickle(head, ext) || ext == ".pt" || ext == ".pth")
}

func begins(with ...string) func([]byte, string) bool {
	return func(b []byte, _ string) bool {
		for _, s := range with {
			if bytes.HasPrefix(b, []byte(s)) {
				return true
			}
		}
		return false
	}
}

func isZip(b []byte, _ string) bool {
	return bytes.HasPrefix(b, []byte("PK\x03\x04")) || bytes.HasPrefix(b, []byte("PK\x05\x06"))
}

func text(b []byte) string {
	return strings.ToLower(strings.TrimLeft(string(bytes.TrimPrefix(b[:min(len(b), 512)], []byte("\ufeff"))), " \t\r\n"))
}

func isHTML(b []byte, _ string) bool {
	s := text(b)
	return strings.HasPrefix(s, "<!doctype html") || strings.HasPrefix(s, "<html") || strings.HasPrefix(s, "<head") || strings.HasPrefix(s, "<?xml") || strings.HasPrefix(s, "<!--")
}

func isJSON(b []byte, ext string) bool {
	s := text(b)
	return strings.HasPrefix(s, "{") || ext == ".json"
}

// isPickle reports whether b is a Python pickle: the opcode PROTO with version 2 … 5, followed
// by an opcode that PyTorch writes next, or the extension of such files.
func isPickle(b []byte, ext string) bool {
	return len(b) > 2 && b[0] == 0x80 && b[1] >= 2 && b[1] <= 5 &&
		(strings.IndexByte("\x8a}(]c.\x95", b[2]) >= 0 || ext == ".pt" || ext == ".pth" || ext == ".bin" || ext == ".pkl")
}

func isSafetensors(b []byte, _ string) bool { return safetensors.Is(b) }

// isGGMLWhisper reports whether b begins with the magic of ggml and a vocabulary of Whisper's size.
func isGGMLWhisper(b []byte, _ string) bool {
	if !bytes.HasPrefix(b, []byte(ggml.Magic)) || len(b) < 8 {
		return false
	}
	n := binary.LittleEndian.Uint32(b[4:])
	return n >= 51864 && n <= 51900
}

// isONNX reports whether b is a protobuf that begins with field 1 (ir_version) of ONNX's
// ModelProto, followed by another of its fields.
func isONNX(b []byte, ext string) bool {
	return len(b) > 3 && b[0] == 0x08 && b[1] < 32 && (ext == ".onnx" || b[2] == 0x12 || b[2] == 0x3a || b[2] == 0x42)
}

// isCTranslate2 reports whether b begins with version 6 and the name of a specification.
func isCTranslate2(b []byte, _ string) bool {
	if len(b) < 8 || !bytes.HasPrefix(b, []byte{6, 0, 0, 0}) {
		return false
	}
	n := int(binary.LittleEndian.Uint16(b[4:]))
	return n > 4 && len(b) >= 6+n && bytes.HasSuffix(b[6:6+n], []byte("Spec\x00"))
}
