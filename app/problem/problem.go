// Package problem represents errors as typed facts and gives their texts for the window and the command line.
//
//	an error ──Of──▶ Problem{Code, Args} ──▶ kept in the store, compared by code
//	                         └──Words──▶ title, what is wrong, what to do (words.go)
//
// No other package reads the text of an error to find out its meaning.
package problem

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"soberano/app/dictation"
	"soberano/app/filekind"
	"soberano/app/host"
	"soberano/asr"
	"soberano/asr/audio"
	"soberano/asr/mic"
	"soberano/engine"
	"soberano/engine/vision"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/download"
	"soberano/models/registry"
)

// Code identifies a kind of problem. It is stored in files, so its text must not change.
type Code string

// The codes. Their texts are in table.
const (
	None    Code = ""        // no problem, or none was recorded
	Unknown Code = "unknown" // an error without a code: Args.Detail is its English text

	// Chats.
	ContextFull    Code = "context-full"           // the answer ended because the context was full
	MessageTooLong Code = "message-too-long"       // the question leaves no space for an answer
	MessageAlone   Code = "message-alone-too-long" // and would leave none in a new chat either

	// Files and the system.
	FileMissing     Code = "file-missing"
	NoPermission    Code = "no-permission"
	NoMemory        Code = "no-memory"
	DiskFull        Code = "disk-full"
	ReadOnly        Code = "read-only"    // a file system or a file
	DriveFailed     Code = "drive-failed" // an error of the device
	IsFolder        Code = "is-folder"
	FolderTooDeep   Code = "folder-too-deep" // to be searched
	FolderTooLarge  Code = "folder-too-large"
	StoreDamaged    Code = "store-damaged"
	StoreRescued    Code = "store-rescued"
	StoreNewer      Code = "store-newer"
	StoreUnwritable Code = "store-unwritable" // its content is shown, and nothing new is kept
	StoreUnread     Code = "store-unreadable" // nothing new is kept
	SettingsKept    Code = "settings-kept-aside"
	SettingsStuck   Code = "settings-not-kept-aside"
	SettingsUnread  Code = "settings-unreadable"

	// Models.
	ModelDamaged     Code = "model-damaged"
	ModelUnsupported Code = "model-unsupported"
	ModelMissing     Code = "model-missing"
	ModelUnreadable  Code = "model-unreadable"
	ModelLocked      Code = "model-locked" // encrypted, and its password is not known
	NotAModel        Code = "not-a-model"
	NoSpeechModel    Code = "no-speech-model"
	ModelTooLarge    Code = "model-too-large" // for the free memory
	ModelInUse       Code = "model-in-use"    // and can therefore not be removed
	ModelRemoved     Code = "model-removed"   // from the library, while it was needed
	ModelSwitched    Code = "model-switched"  // another one was chosen, which needed the memory
	ProgramClosed    Code = "program-closed"  // while an answer was written
	LibraryLocked    Code = "library-locked"  // by another process that changes it

	// Downloads of models.
	DownloadUnreachable Code = "download-unreachable"
	DownloadInterrupted Code = "download-interrupted"
	DownloadMissing     Code = "download-missing"
	DownloadRefused     Code = "download-refused"
	DownloadRedirected  Code = "download-redirected"
	DownloadDifferent   Code = "download-different" // from the file that the program knows
	DownloadWebPage     Code = "download-web-page"
	DownloadNoSpace     Code = "download-no-space"
	DownloadBusy        Code = "download-busy"

	// Graphics cards.
	GPUFailed  Code = "gpu-failed" // and is not used any longer
	GPUMemory  Code = "gpu-memory"
	GPULost    Code = "gpu-lost"
	GPUHung    Code = "gpu-hung"
	GPUCrashed Code = "gpu-crashed"
	GPUWrong   Code = "gpu-wrong"
	GPUNone    Code = "gpu-none"    // of the chosen number
	GPUMissing Code = "gpu-missing" // none can be used
	GPUBuild   Code = "gpu-build"   // this build of the program uses none
	GPUUnfit   Code = "gpu-unfit"   // a software renderer was chosen

	// Recordings.
	AudioEmpty      Code = "audio-empty"
	AudioTooShort   Code = "audio-too-short"
	AudioText       Code = "audio-text"
	AudioPicture    Code = "audio-picture"
	AudioForeign    Code = "audio-foreign"
	AudioNoDecoder  Code = "audio-no-decoder"
	AudioRefused    Code = "audio-refused"
	AudioUnread     Code = "audio-unread"
	AudioNoSound    Code = "audio-no-sound"
	AudioStalled    Code = "audio-stalled"
	AudioCutOff     Code = "audio-cut-off"
	AudioDamaged    Code = "audio-damaged"
	AudioUnreadable Code = "audio-unreadable"
	AudioHoles      Code = "audio-holes" // read to its end, with damaged sections
	AudioNoEndMark  Code = "audio-no-end-mark"
	AudioEndsEarly  Code = "audio-ends-early"
	AudioMore       Code = "audio-more" // the file holds more than its header states
	AudioTracks     Code = "audio-tracks"
	SoundTooSoft    Code = "sound-too-soft" // a section without text, and why
	SoundNoSpeech   Code = "sound-no-speech"
	SoundUnclear    Code = "sound-unclear"
	NotRecording    Code = "not-a-recording"
	IsModel         Code = "is-model" // a model was given where a recording is expected

	// Dropped files that can't be used.
	IsDocument Code = "is-document"

	// Images of messages.
	PictureFormat     Code = "picture-format"
	PictureSize       Code = "picture-size"  // too many pixels, or too few
	PictureLarge      Code = "picture-large" // too many bytes
	PictureDamaged    Code = "picture-damaged"
	CantSee           Code = "cant-see"           // the model's network takes no images
	ProjectorMissing  Code = "projector-missing"  // of a model that was made for images
	ProjectorNone     Code = "projector-none"     // of any other
	ProjectorUnusable Code = "projector-unusable" // the one that is there
	ImagesLeftOut     Code = "images-left-out"    // an answer was written without them
	MessagesLeftOut   Code = "messages-left-out"  // the oldest ones of a chat that is longer than the context

	// Microphones and loudspeakers.
	MicNone     Code = "mic-none"
	MicMissing  Code = "mic-missing"
	MicBusy     Code = "mic-busy"
	MicStopped  Code = "mic-stopped"
	MicMuted    Code = "mic-muted"
	SpeakerNone Code = "speaker-none"

	// Dictation into other programs.
	Wayland     Code = "dictation-wayland"
	NoX11       Code = "dictation-no-x11"
	KeysTaken   Code = "dictation-keys-taken"
	TextUntaken Code = "dictation-text-not-taken"
)

// Args are the facts of a Problem; fields that its code does not use are zero.
type Args struct {
	File    string        `json:"file,omitempty"` // a path or a name
	Folder  string        `json:"folder,omitempty"`
	Model   string        `json:"model,omitempty"`  // its title
	Device  string        `json:"device,omitempty"` // its name
	Host    string        `json:"host,omitempty"`   // a computer on the network
	Keys    string        `json:"keys,omitempty"`
	Prompt  int           `json:"prompt,omitempty"`  // tokens
	Context int           `json:"context,omitempty"` // tokens
	Message int           `json:"message,omitempty"` // tokens of a message alone
	Limit   int           `json:"limit,omitempty"`   // the most that is searched
	Byte    int64         `json:"byte,omitempty"`    // an offset in the file
	Track   int           `json:"track,omitempty"`   // of a film, from 1 on
	Tracks  int           `json:"tracks,omitempty"`  // number of tracks with sound
	Places  int           `json:"places,omitempty"`  // number of damaged sections
	First   time.Duration `json:"first,omitempty"`   // the position of the first damaged section
	Lost    time.Duration `json:"lost,omitempty"`    // the total length of the damaged sections, or another length
	From    time.Duration `json:"from,omitempty"`    // where a section without text begins
	Until   time.Duration `json:"until,omitempty"`   // where it ends
	Needed  int64         `json:"needed,omitempty"`  // bytes of memory, or of a disk
	Free    int64         `json:"free,omitempty"`    // bytes of memory, or of a disk
	Others  string        `json:"others,omitempty"`  // titles of models
	Detail  string        `json:"detail,omitempty"`  // technical details, in English
	Advice  string        `json:"advice,omitempty"`  // what to do, in English
}

// Problem is a problem with its facts. The zero value means no problem.
type Problem struct {
	Code Code  `json:"code"`
	Args Args  `json:"args,omitzero"`
	Err  error `json:"-"` // the original error; nil for a problem read from the store
}

// Error returns Text.
func (p *Problem) Error() string { return p.Text() }

// Unwrap returns Err.
func (p *Problem) Unwrap() error { return p.Err }

// Hopeless reports whether trying again is useless, for example because a file is not a recording.
func (p Problem) Hopeless() bool {
	switch p.Code {
	case AudioEmpty, AudioTooShort, AudioText, AudioPicture, AudioRefused, AudioUnread, AudioNoSound, NotRecording, IsModel:
		return true
	}
	return false
}

// Of returns the Problem for an error. It is the only place where errors are converted to codes.
func Of(err error) Problem {
	p := of(err)
	p.Err = err
	return p
}

// OfFile is Of for an error that concerns the file at path, which the error's text may not name.
func OfFile(path string, err error) Problem {
	p := Of(err)
	if p.Code != None && p.Args.File == "" {
		p.Args.File = path
	}
	return p
}

func of(err error) Problem {
	if err == nil {
		return Problem{}
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return *p
	}
	if e, ok := errors.AsType[*engine.ContextError](err); ok {
		p := Problem{Code: MessageTooLong, Args: Args{Prompt: e.Prompt, Context: e.Context}}
		if e.Alone() {
			p.Code, p.Args.Message = MessageAlone, e.Message
		}
		return p
	}
	if e, ok := errors.AsType[*audio.Error](err); ok && (e.Kind != audio.Unreadable || ofSentinel(e.Err).Code == None) {
		return ofAudio(e)
	}
	if e, ok := errors.AsType[*models.FileError](err); ok {
		return ofFile(e)
	}
	if e, ok := errors.AsType[*vision.SizeError](err); ok {
		return Problem{Code: PictureSize, Args: Args{Detail: e.Error()}}
	}
	if e, ok := errors.AsType[*filekind.SearchError](err); ok {
		return ofSearch(e)
	}
	if e, ok := errors.AsType[*host.MemoryError](err); ok {
		return Problem{Code: ModelTooLarge, Args: Args{Model: e.Title, Needed: e.Needed, Free: e.Free, Others: strings.Join(e.InUse, ", ")}}
	}
	if e, ok := errors.AsType[*host.GPUError](err); ok {
		return Problem{Code: gpuCodes[e.Fault], Args: Args{Device: e.Name, Detail: e.Err.Error()}}
	}
	if e, ok := errors.AsType[*host.InUseError](err); ok {
		return Problem{Code: ModelInUse, Args: Args{Model: e.Title}}
	}
	if e, ok := errors.AsType[*registry.LockedError](err); ok {
		return Problem{Code: LibraryLocked, Args: Args{Folder: e.Dir, Detail: e.Holder()}}
	}
	if e, ok := errors.AsType[*download.Error](err); ok {
		return ofDownload(e)
	}
	if e, ok := errors.AsType[*dictation.KeysError](err); ok {
		return Problem{Code: KeysTaken, Args: Args{Keys: e.Keys}}
	}
	if e, ok := errors.AsType[*mic.Error](err); ok {
		return Problem{Code: micCodes[e.Kind], Args: Args{Device: e.Device, Detail: e.Detail()}}
	}
	if p := ofSentinel(err); p.Code != None {
		return p
	}
	if e, ok := errors.AsType[coded](err); ok {
		if code, ok := databaseCodes[e.Code()&0xff]; ok {
			return Problem{Code: code}
		}
	}
	return Problem{Code: Unknown, Args: Args{Detail: unpackaged(err.Error())}}
}

// gpuCodes maps what went wrong with a GPU to codes.
var gpuCodes = map[host.GPUFault]Code{host.GPUFailed: GPUFailed, host.GPUMemory: GPUMemory, host.GPULost: GPULost, host.GPUHung: GPUHung,
	host.GPUCrashed: GPUCrashed, host.GPUWrong: GPUWrong, host.GPUNone: GPUNone, host.GPUMissing: GPUMissing, host.GPUUnfit: GPUUnfit, host.GPUBuild: GPUBuild}

// coded is an error of the database with SQLite's result code (https://sqlite.org/rescode.html).
type coded interface {
	error
	Code() int
}

// databaseCodes maps SQLite's primary result codes to codes.
var databaseCodes = map[int]Code{
	3:  NoPermission, // SQLITE_PERM
	8:  ReadOnly,     // SQLITE_READONLY
	10: DriveFailed,  // SQLITE_IOERR
	13: DiskFull,     // SQLITE_FULL
}

// sentinels are the errors that are recognised by identity, in the order in which they are compared.
var sentinels = []struct {
	is   error
	code Code
}{
	{engine.ErrContextFull, MessageTooLong}, {mic.ErrNone, MicNone}, {mic.ErrNoSpeaker, SpeakerNone}, {models.ErrUnknownFormat, NotAModel}, {host.ErrRemoved, ModelRemoved},
	{vision.ErrFormat, PictureFormat}, {vision.ErrDamaged, PictureDamaged}, {engine.ErrNoVision, ProjectorNone},
	{dictation.ErrWayland, Wayland}, {dictation.ErrSystem, NoX11}, {dictation.ErrNotTaken, TextUntaken},
	{fs.ErrNotExist, FileMissing}, {fs.ErrPermission, NoPermission},
	{syscall.ENOMEM, NoMemory}, {syscall.ENOSPC, DiskFull}, {syscall.EDQUOT, DiskFull}, {syscall.EISDIR, IsFolder},
	{syscall.EROFS, ReadOnly}, {syscall.EIO, DriveFailed},
}

// ofSentinel returns the Problem of an error that is recognised by identity; None for others.
func ofSentinel(err error) Problem {
	path := ""
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		path = e.Path
	}
	for _, c := range sentinels {
		if errors.Is(err, c.is) {
			return Problem{Code: c.code, Args: Args{File: path}}
		}
	}
	return Problem{}
}

// audioCodes maps the error kinds of package asr/audio to codes.
var audioCodes = map[audio.Kind]Code{audio.Empty: AudioEmpty, audio.TooShort: AudioTooShort, audio.Text: AudioText, audio.Picture: AudioPicture, audio.Foreign: AudioForeign,
	audio.NoDecoder: AudioNoDecoder, audio.Refused: AudioRefused, audio.Unread: AudioUnread, audio.NoSound: AudioNoSound, audio.Stalled: AudioStalled,
	audio.CutOff: AudioCutOff, audio.Damaged: AudioDamaged, audio.Unreadable: AudioUnreadable}

func ofAudio(e *audio.Error) Problem {
	p := Problem{Code: audioCodes[e.Kind], Args: Args{File: e.Path, Byte: max(0, e.At), Detail: e.Reason}}
	if e.Kind == audio.Unreadable {
		p.Args.Detail += ": " + e.Err.Error()
	}
	return p
}

// Recording is a recording that was read to its end, as asr/audio's Source.
type Recording interface {
	Damage() audio.Damage
	Remarks() []audio.Remark
}

// OfRecording returns what was unusual about a recording that was read to its end, the damaged sections first.
func OfRecording(r Recording) (list []Problem) {
	if d := r.Damage(); d.Places > 0 {
		list = append(list, Problem{Code: AudioHoles, Args: Args{Places: d.Places, First: d.First, Lost: d.Lost}})
	}
	codes := map[audio.RemarkKind]Code{audio.NoEndMark: AudioNoEndMark, audio.EndsEarly: AudioEndsEarly, audio.Understated: AudioMore, audio.OtherTracks: AudioTracks}
	for _, m := range r.Remarks() {
		list = append(list, Problem{Code: codes[m.Kind], Args: Args{Lost: m.Length, Track: m.Track, Tracks: m.Tracks}})
	}
	return list
}

// soundCodes maps the reasons of package asr to codes.
var soundCodes = map[asr.Reason]Code{asr.TooSoft: SoundTooSoft, asr.NoSpeech: SoundNoSpeech, asr.Unclear: SoundUnclear}

// Unheard returns the Problem for a section of a recording that has sound but no text.
func Unheard(u asr.Unheard) Problem {
	code, ok := soundCodes[u.Reason]
	if !ok { // stored by a newer version of the program
		code = SoundUnclear
	}
	return Problem{Code: code, Args: Args{From: u.Start, Until: u.End}}
}

func ofFile(e *models.FileError) Problem {
	p := Problem{Code: ModelUnreadable, Args: Args{File: e.Path, Detail: e.Reason, Advice: e.Advice}}
	switch {
	case errors.Is(e.Kind, apr.ErrPassword):
		p.Code = ModelLocked
	case errors.Is(e.Kind, models.ErrCorrupt):
		p.Code = ModelDamaged
	case errors.Is(e.Kind, models.ErrUnsupported):
		p.Code = ModelUnsupported
	case errors.Is(e.Kind, models.ErrUnknownFormat):
		p.Code = NotAModel
	case errors.Is(e.Kind, models.ErrNotFound):
		p.Code = ModelMissing
	}
	return p
}

func ofSearch(e *filekind.SearchError) Problem {
	p := Problem{Code: FolderTooDeep, Args: Args{Folder: e.Folder, Limit: filekind.MaxDepth}}
	if e.Entries {
		p.Code, p.Args.Limit = FolderTooLarge, filekind.MaxEntries
	}
	return p
}

// downloadCodes maps what went wrong with a download to codes.
var downloadCodes = map[download.Kind]Code{download.Unreachable: DownloadUnreachable, download.Interrupted: DownloadInterrupted, download.Missing: DownloadMissing,
	download.Refused: DownloadRefused, download.Redirected: DownloadRedirected, download.Different: DownloadDifferent, download.WebPage: DownloadWebPage, download.NoSpace: DownloadNoSpace,
	download.Busy: DownloadBusy}

func ofDownload(e *download.Error) Problem {
	p := Problem{Code: downloadCodes[e.Kind], Args: Args{Host: e.Host, Folder: e.Folder, Needed: e.Need, Free: e.Free}}
	if e.Err != nil {
		p.Args.Detail = e.Err.Error()
	} else if e.Status != 0 {
		p.Args.Detail = "HTTP status " + strconv.Itoa(e.Status)
	}
	return p
}

// OfSight returns why a model with that title, which has no projector, can't see images.
func OfSight(s host.Sight, title string) Problem {
	p := Problem{Code: ProjectorNone, Args: Args{Model: title, Folder: s.Folder}, Err: s.Err}
	switch {
	case s.Err != nil:
		wrong := Of(s.Err)
		p.Code, p.Args.Detail = ProjectorUnusable, wrong.Text()
	case !s.Takes:
		p.Code = CantSee
	case s.Made:
		p.Code = ProjectorMissing
	}
	return p
}

var micCodes = map[mic.Kind]Code{mic.Missing: MicMissing, mic.Busy: MicBusy, mic.Stopped: MicStopped, mic.Muted: MicMuted}

// packages are the package names with which error texts begin; users don't need them.
var packages = map[string]bool{"audio": true, "mic": true, "asr": true, "engine": true, "batch": true, "sample": true, "store": true, "settings": true, "registry": true, "host": true, "filekind": true,
	"gguf": true, "token": true, "prompt": true, "transcript": true}

// OfNote returns the Problem for the text of an error, which an older version of the program has stored.
func OfNote(text string) Problem {
	if text == "" {
		return Problem{}
	}
	return Problem{Code: Unknown, Args: Args{Detail: unpackaged(text)}}
}

// unpackaged removes the package name at the beginning of an error's text.
func unpackaged(s string) string {
	for {
		from, rest, ok := strings.Cut(s, ": ")
		if !ok || !packages[from] {
			return s
		}
		s = rest
	}
}
