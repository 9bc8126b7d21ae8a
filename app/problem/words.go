package problem

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"soberano/models"
)

// Words are the texts of a Problem.
type Words struct {
	Title string // of a card; "": the screen supplies a title
	Why   string // what is wrong and where
	Do    string // what to do about it
	More  string // technical details, after all else
}

// phrases are the texts of a code. Placeholders in braces stand for arguments; see named. Of several variants of Why, the first one
// whose arguments are all known is used.
type phrases struct {
	title string
	why   []string
	do    string
}

const (
	chooseSound = "Choose a recording, or a film with sound."
	copyAgain   = "Copy or download the file again."
	newChat     = "Nothing was left out. Start a new chat, or choose a model with a longer context."
	convert     = "convert the file to WAV, FLAC, MP3 or Opus."
	ownWindow   = "Dictate in Soberano's own window and copy the text"
	cardOff     = "The graphics card is switched off."
	// cpuContinues is what happens after a GPU has failed.
	cpuContinues = "The processor continues in its place, and nothing is lost. The graphics card is used again when the program is started anew."
	ownChoices   = "The default settings are used."
)

// table contains the texts of all codes; a translation would be another table.
var table = english

var english = map[Code]phrases{
	Unknown: {why: []string{"{detail}."}},

	ContextFull: {title: "This conversation is full.", do: newChat, why: []string{
		"{model} can read {context} tokens (pieces of words) at once, and this conversation has reached that limit.",
		"The conversation is longer than this model can read at once."}},
	MessageTooLong: {title: "Your message does not fit.", why: []string{
		"With your message the conversation has {prompt} tokens (pieces of words), and {model} can read {context} at once, including its answer. Nothing was left out, and the message was not answered.",
		"With your message the conversation has {prompt} tokens (pieces of words), and this model can read {context} at once, including its answer. Nothing was left out, and the message was not answered.",
		"With your message the conversation is longer than this model can read at once. Nothing was left out, and the message was not answered."},
		do: "Start a new chat, shorten the message, or choose a model with a longer context."},
	MessageAlone: {title: "Your message is too long.", why: []string{
		"Your message alone has {message} tokens (pieces of words), and {model} can read {context} at once, including its answer. Nothing was left out, and the message was not answered.",
		"Your message alone has {message} tokens (pieces of words), and this model can read {context} at once, including its answer. Nothing was left out, and the message was not answered.",
		"Your message alone is longer than this model can read at once. Nothing was left out, and the message was not answered."},
		do: "Shorten the message, or choose a model with a longer context."},

	FileMissing: {why: []string{"The file is not at {path}. It may have been moved, or the drive is not plugged in.", "The file is not there. It may have been moved, or the drive is not plugged in."},
		do: "Put it back and try again."},
	NoPermission: {why: []string{"There is no permission to read or write {path}.", "There is no permission to read or write the file."}, do: "Change its permissions, or copy it to your own folder."},
	NoMemory:     {why: []string{"There is not enough memory for this model."}, do: "Close other programs, or choose a smaller model."},
	DiskFull: {why: []string{"The disk that holds {folder} is full; nothing was imported.", "The disk is full."},
		do: "Free some space."},
	ReadOnly:    {why: []string{"{path} can't be written: its drive can only be read.", "The file can't be written: its drive or its folder can only be read."}, do: "Check the switch of the drive and the permissions of the folder."},
	DriveFailed: {why: []string{"{path} could not be read or written: its drive reported an error.", "A file could not be read or written: its drive reported an error."}, do: "Check the drive and its cable, and copy what is on it to another one."},
	IsFolder:    {why: []string{"This is a folder without audio files."}},
	FolderTooDeep: {why: []string{"{folder} was searched {limit} folders deep; what is below that was left out.", "The folder is too deep to be searched to its end."},
		do: "Open the folders in it one by one."},
	FolderTooLarge: {why: []string{"{folder} contains more than {limit} files; the others were left out.", "The folder contains too many files to be searched to its end."},
		do: "Open the folders in it one by one."},
	StoreDamaged: {title: "Your earlier conversations could not be read.",
		why: []string{"The file with your conversations was damaged and could not be read. It is kept as {path}, and a new one was created."}},
	StoreRescued: {title: "Some of your earlier conversations may be missing.",
		why: []string{"The file with your conversations was damaged. What could be read of it is shown. The damaged file is kept as {path}."}},
	StoreUnwritable: {title: "What you write now is not saved yet.", why: []string{
		"The folder {folder} can't be written to. Your chats are shown as they were saved last. What you write is kept in this window, and saved as soon as that is possible."},
		do: "Check the permissions of the folder and the free space."},
	StoreUnread: {title: "What you write now is not saved yet.", why: []string{
		"The file with your chats in the folder {folder} could not be read. What is in it stays as it is, and your chats are shown as soon as it can be. What you write is kept in this window, and saved then too."},
		do: "Check the permissions of the folder and the free space."},
	StoreNewer:     {title: "What you write now is not saved.", why: []string{"The conversations were written by a newer version of the program."}, do: "Use that version. New messages can't be saved."},
	SettingsKept:   {why: []string{"The file with the settings was damaged. It is kept as {path}. " + ownChoices}},
	SettingsStuck:  {why: []string{"The file with the settings is damaged, and it could not be renamed. " + ownChoices}, do: "Check the permissions of the folder and the free space."},
	SettingsUnread: {why: []string{"The file with the settings could not be read. " + ownChoices}, do: "Check its permissions."},

	GPUFailed:  {title: cardOff, why: []string{"{device} reported an error ({detail}). " + cpuContinues}},
	GPUMemory:  {title: cardOff, why: []string{"The memory of {device} is full. " + cpuContinues}, do: "Choose a shorter context or a smaller model to use the graphics card."},
	GPULost:    {title: cardOff, why: []string{"The system has reset {device}. " + cpuContinues}},
	GPUHung:    {title: cardOff, why: []string{"{device} did not answer in time. " + cpuContinues}},
	GPUCrashed: {title: cardOff, why: []string{"The driver of {device} crashed. " + cpuContinues}, do: "A newer driver may help."},
	GPUWrong:   {title: cardOff, why: []string{"{device} computes wrong values ({detail}). " + cpuContinues}, do: "A newer driver may help."},
	GPUNone:    {why: []string{"There is no graphics card with the number {device}: {detail}."}, do: "`soberano doctor` lists them; they are counted from 0."},
	GPUMissing: {why: []string{"There is no graphics card that can be used: {detail}."}, do: "`soberano doctor` says why. Choose auto or off."},
	GPUBuild:   {why: []string{"This build of the program has no support for graphics cards."}, do: "Use the one with the window (make build) on Linux, or leave out --gpu."},
	GPUUnfit:   {why: []string{"{device} can't be used: {detail}, slower than the processor by itself."}, do: "Choose auto or off."},

	ModelDamaged:     {why: []string{"{file} {detail}."}, do: "{advice}."},
	ModelUnsupported: {why: []string{"{file} {detail}."}, do: "{advice}."},
	ModelMissing:     {why: []string{"{file} {detail}."}, do: "{advice}."},
	ModelUnreadable:  {why: []string{"{file} {detail}."}, do: "{advice}."},
	ModelLocked:      {why: []string{"{file} is encrypted."}, do: "Try again to enter its password."},
	NotAModel: {do: "{advice}.", why: []string{"{file} {detail}.",
		"Soberano runs GGUF and APR files (chat) and Whisper models (speech): a folder in CTranslate2 or Hugging Face form, or a ggml .bin or .apr file. Drop one of those."}},
	NoSpeechModel: {title: "There is no speech model yet.", why: []string{"The library has no speech model."},
		do: "Drop a Whisper model, a folder or file, anywhere on this window, or choose one."},

	ModelTooLarge: {do: "Close other programs, or choose a smaller model.", why: []string{
		"{model} needs about {needed} of memory, and {free} is free while {others} is in use.",
		"{model} needs about {needed} of memory, and {free} is free.",
		"There is not enough memory for {model}."}},
	ModelInUse:    {why: []string{"{model} is still in use."}, do: "Try again when its answer or its transcript is done."},
	ModelRemoved:  {why: []string{"{model} was removed from the library.", "The model was removed from the library."}},
	ModelSwitched: {why: []string{"Another model was chosen, and there was not enough memory for {model} beside it.", "Another model was chosen, and there was not enough memory for both."}},
	ProgramClosed: {why: []string{"The program was closed."}},
	LibraryLocked: {why: []string{"The library {folder} can't be changed: {detail} has locked it.", "The library can't be changed: another program has locked it."},
		do: "Wait until that program is done, or end it, and try again."},

	DownloadUnreachable: {why: []string{"There is no connection to {host}.", "There is no connection to the server."}, do: "Check the network and try again; what has arrived is kept."},
	DownloadInterrupted: {why: []string{"The connection to {host} ended again and again.", "The connection ended again and again."}, do: "Try again: the download continues where it ended."},
	DownloadMissing:     {why: []string{"{host} does not have this file any more.", "The server does not have this file any more."}, do: "Choose another model."},
	DownloadRefused:     {why: []string{"{host} does not give this file ({detail}).", "{host} does not give this file.", "The server does not give this file."}, do: "Try again later, or choose another model."},
	DownloadRedirected:  {why: []string{"{host} refers to an address that is not safe to follow.", "The server refers to an address that is not safe to follow."}, do: "Check the network, and try again later."},
	DownloadDifferent: {why: []string{"What came from {host} is not the file that this program knows: its size or its SHA-256 is another one. It was not added to the library.",
		"What came is not the file that this program knows: its size or its SHA-256 is another one. It was not added to the library."},
		do: "Try again later, or choose another model."},
	DownloadWebPage: {why: []string{"A web page came in place of the file. Some networks show one that asks for a sign-in."}, do: "Sign in with a browser and try again."},
	DownloadNoSpace: {why: []string{"The download needs {needed} more, and {free} is free on the disk of {folder}.", "The download needs {needed} more, and nothing is free on the disk of {folder}.", "There is not enough space on the disk."},
		do: "Free some space, or move the library to another disk."},
	DownloadBusy: {why: []string{"Another Soberano is downloading this model."}, do: "Wait until it is done."},

	AudioEmpty:      {why: []string{"The file is empty."}, do: copyAgain},
	AudioTooShort:   {why: []string{"{detail}."}, do: copyAgain},
	AudioText:       {why: []string{"{detail}."}, do: chooseSound},
	AudioPicture:    {why: []string{"This is a picture, not a recording."}, do: chooseSound},
	AudioForeign:    {why: []string{"{detail}."}},
	AudioNoDecoder:  {why: []string{"{detail}. Such files are read with the program ffmpeg, which is not installed."}, do: "Install ffmpeg, or " + convert},
	AudioRefused:    {why: []string{"It is not a recording, or it is damaged. The program ffmpeg says: {detail}."}, do: "If another program plays it, save it there as WAV, FLAC, MP3 or Opus."},
	AudioUnread:     {why: []string{"{detail}."}},
	AudioNoSound:    {why: []string{"It contains no sound."}, do: chooseSound},
	AudioStalled:    {why: []string{"{detail}."}, do: "Try again, or " + convert},
	AudioCutOff:     {why: []string{"{detail} (at byte {byte}).", "{detail}."}, do: copyAgain},
	AudioDamaged:    {why: []string{"{detail} (at byte {byte}).", "{detail}."}, do: copyAgain + " If another program plays it, save it there as WAV, FLAC, MP3 or Opus."},
	AudioUnreadable: {why: []string{"{detail} (at byte {byte}).", "{detail}."}, do: "Check the drive, copy the file to another one, and try again."},
	AudioHoles: {why: []string{"The file is damaged in {places} places, the first at {first}; about {lost} could not be read.",
		"The file is damaged in one place, at {first}; about {lost} could not be read."}},
	SoundTooSoft:   {why: []string{"{from}-{until} was not heard: too soft."}},
	SoundNoSpeech:  {why: []string{"{from}-{until} was not heard: there is sound, but no speech was recognised."}},
	SoundUnclear:   {why: []string{"{from}-{until} was not heard: the speech could not be understood."}, do: "Choosing the right language may help."},
	AudioNoEndMark: {why: []string{"The file has no mark of its end: the last moments may be missing."}},
	AudioEndsEarly: {why: []string{"The file ends {lost} before the end that is written in it."}},
	AudioMore:      {why: []string{"According to the beginning of the file it lasts {lost}; it holds more, and all of it was transcribed."}},
	AudioTracks:    {why: []string{"The file has {tracks} tracks with sound; track {track} was transcribed."}},
	NotRecording:   {why: []string{"{file} is not a recording.", "It is not a recording."}},
	IsModel:        {why: []string{"{file} is a model, not a recording.", "It is a model, not a recording."}, do: "Add it to the library to use it."},

	IsDocument: {why: []string{"Documents can't be read yet."}, do: "Copy the text that you need and paste it into a message."},

	PictureFormat:  {why: []string{"Images of this kind can't be read. PNG, JPEG, GIF, WebP and BMP can."}, do: "Save it in one of these formats."},
	PictureSize:    {why: []string{"{detail}."}},
	PictureLarge:   {why: []string{"The file is too large: files of images up to {free} can be attached."}},
	PictureDamaged: {why: []string{"The image is damaged, or its file is not complete."}},
	CantSee:        {title: "The images can't be seen.", why: []string{"{model} can't see images.", "This model can't see images."}, do: "Choose a model that can."},
	ProjectorMissing: {title: "The images can't be seen.", why: []string{"{model} sees images only with a second file, which is published with it and whose name begins with “mmproj”. That file is missing.",
		"This model sees images only with a second file, which is published with it and whose name begins with “mmproj”. That file is missing."},
		do: "Put it into {folder}, or drop it on the window."},
	ProjectorNone: {title: "The images can't be seen.", why: []string{"{model} can't see images. If a file whose name begins with “mmproj” is published with it, it can with that file.",
		"This model can't see images. If a file whose name begins with “mmproj” is published with it, it can with that file."},
		do: "Put that file into {folder}, drop it on the window, or choose a model that sees."},
	ProjectorUnusable: {title: "The images can't be seen.", why: []string{"{model} can't see images: {detail}", "This model can't see images: {detail}"}},
	ImagesLeftOut:     {why: []string{"{model} can't see images: this was written without them.", "This was written without the images."}},
	MessagesLeftOut:   {why: []string{"The chat is longer than the context of {model}: this was written without its oldest messages.", "This was written without the oldest messages."}},

	MicNone:    {why: []string{"No microphone was found."}, do: "Plug one in, or allow one in the system's sound settings, and try again."},
	MicMissing: {why: []string{"There is no microphone named “{device}”. Available: {detail}."}, do: "Choose another one."},
	MicBusy: {why: []string{"“{device}” could not be opened: {detail}. Another program may be using it, or the system may keep it from this one."},
		do: "Close the other program, or allow access in the system's sound and privacy settings, or choose another microphone."},
	MicStopped:  {why: []string{"“{device}” stopped: {detail}. Was it unplugged?"}},
	MicMuted:    {why: []string{"No sound comes from “{device}”; it may be muted."}, do: "Look for a mute key, and at the system's sound settings."},
	SpeakerNone: {why: []string{"No loudspeaker was found."}, do: "Plug one in, or choose one in the system's sound settings, and try again."},

	Wayland:     {why: []string{"This desktop uses Wayland, which does not let one program type into another."}, do: ownWindow + ", or log in to an X11 session."},
	NoX11:       {why: []string{"Dictation into other programs works on desktops with X11 only."}, do: ownWindow + "."},
	KeysTaken:   {why: []string{"Another program uses {keys} already."}, do: "Choose other keys."},
	TextUntaken: {why: []string{"The active window did not accept the text."}},
}

// Words returns the texts of the problem.
func (p Problem) Words() Words {
	if p.Code == None {
		return Words{}
	}
	ph, ok := table[p.Code]
	if !ok { // written by a newer version of the program
		ph = phrases{why: []string{"{detail}.", string(p.Code) + "."}}
	}
	args := p.Args.named()
	w := Words{Title: fill(ph.title, args), Do: Sentence(fill(ph.do, args))}
	if p.Code == ModelDamaged { // "is cut short: tensor …"
		var more string
		if args["detail"], more, _ = strings.Cut(args["detail"], ": "); more != "" {
			w.More = stop("In detail: " + more)
		}
	}
	for _, variant := range ph.why {
		if why := fill(variant, args); why != "" {
			if w.Why = Sentence(why); strings.HasPrefix(variant, "{file}") || strings.HasPrefix(variant, "{model}") {
				w.Why = stop(why) // a name is not changed
			}
			break
		}
	}
	return w
}

// Text returns what is wrong and what to do, as sentences, and the details after them.
func (p Problem) Text() string {
	w := p.Words()
	return strings.Join(slices.DeleteFunc([]string{w.Why, w.Do, w.More}, func(s string) bool { return s == "" }), " ")
}

// Text returns what is wrong and what to do for an error.
func Text(err error) string { return Of(err).Text() }

// named returns the known arguments by the names of their placeholders.
func (a Args) named() map[string]string {
	m := map[string]string{"folder": models.Printable(a.Folder), "model": models.Printable(a.Model), "device": models.Printable(a.Device), "host": models.Printable(a.Host), "keys": models.Printable(a.Keys), "others": models.Printable(a.Others),
		"detail": inside(a.Detail), "advice": inside(a.Advice), "path": models.Printable(a.File)}
	if a.File != "" {
		m["file"] = models.Printable(filepath.Base(a.File))
	}
	for name, n := range map[string]int64{"prompt": int64(a.Prompt), "context": int64(a.Context), "message": int64(a.Message), "limit": int64(a.Limit), "track": int64(a.Track), "tracks": int64(a.Tracks), "byte": a.Byte} {
		if n > 0 {
			m[name] = models.Grouped(n)
		}
	}
	for name, n := range map[string]int64{"needed": a.Needed, "free": a.Free} {
		if n > 0 {
			m[name] = models.Size(n)
		}
	}
	if a.Places > 1 {
		m["places"] = models.Grouped(a.Places)
	}
	first := a.First.Truncate(time.Second)
	m["first"] = fmt.Sprintf("%d:%02d:%02d", first/time.Hour, first/time.Minute%60, first/time.Second%60)
	m["from"], m["until"] = Clock(a.From), Clock(a.Until)
	m["lost"] = fmt.Sprintf("%.1f s", max(0.1, a.Lost.Seconds()))
	return m
}

// Clock formats a position in a recording: 0:07, 12:34, 1:02:03.
func Clock(d time.Duration) string {
	d = d.Truncate(time.Second)
	if d >= time.Hour {
		return fmt.Sprintf("%d:%02d:%02d", d/time.Hour, d/time.Minute%60, d/time.Second%60)
	}
	return fmt.Sprintf("%d:%02d", d/time.Minute, d/time.Second%60)
}

// inside returns a clause for use within a sentence or at its end; large file offsets and numbers of bytes get separators.
func inside(s string) string {
	return counts.ReplaceAllStringFunc(strings.TrimRight(models.PrintableLines(s), ". "), func(words string) string {
		digits := strings.Trim(words, "bytes ")
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return words
		}
		return strings.Replace(words, digits, models.Grouped(n), 1)
	})
}

// counts matches file offsets and numbers of bytes, as asr/audio writes them.
var counts = regexp.MustCompile(`\bbyte \d{4,18}\b|\b\d{4,18} bytes\b`)

var placeholder = regexp.MustCompile(`\{\w+\}`)

// fill replaces the placeholders by the arguments; it returns "" if one of them is unknown.
func fill(text string, args map[string]string) string {
	known := true
	filled := placeholder.ReplaceAllStringFunc(text, func(name string) string {
		value := args[strings.Trim(name, "{}")]
		known = known && value != ""
		return value
	})
	if !known {
		return ""
	}
	return filled
}

// Sentence begins a text with a capital letter, unless it begins with a file's name, and ends it with a full stop.
func Sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	if word, _, _ := strings.Cut(s, " "); !strings.ContainsAny(strings.TrimRight(word, ".:"), ".:/_\\") {
		r, n := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(r)) + s[n:]
	}
	return stop(s)
}

// stop adds a full stop, unless the text has an end.
func stop(s string) string {
	if s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}
