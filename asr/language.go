package asr

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Likelihood is how probable a language is.
type Likelihood struct {
	Language string // a code
	Prob     float64
}

// Detect returns the probabilities of the model's languages for the first minute of speech in src,
// the likeliest first, or none if nobody speaks. Where several stretches of speech have different
// languages, each counts by its length. The error is src's, ctx's or ErrClosed.
func (m *Model) Detect(ctx context.Context, src Source) ([]Likelihood, error) {
	inner, cancel := context.WithCancel(ctx)
	t := &transcription{m: m, ctx: inner, mostSlots: 1, windows: make(chan *fileWindow, 2)}
	source := t.read(src)
	err := t.settle()
	t.close()
	enough := t.heard.spoken >= settleAfter
	cancel()
	if end := <-source; err == nil && !enough {
		err = end.err
	}
	if err != nil {
		return nil, err
	}
	return t.heard.likelihoods(), nil
}

const (
	settleAfter = time.Minute // of speech decide the language
	// A window is taken to be in another language than those before it from that probability on, and
	// if so much is spoken in it: short sounds are taken for any language.
	otherProb   = 0.8
	otherSpeech = 10 * time.Second
)

// tally adds up the probabilities of languages over stretches of speech, weighted by their length.
type tally struct {
	spoken time.Duration
	sum    map[string]float64 // in seconds
}

func (l *tally) add(probs map[string]float64, spoken time.Duration) {
	if l.sum == nil {
		l.sum = map[string]float64{}
	}
	l.spoken += spoken
	for code, p := range probs {
		l.sum[code] += p * spoken.Seconds()
	}
}

// likelihoods returns the mean probabilities, the likeliest language first.
func (l *tally) likelihoods() []Likelihood {
	out := make([]Likelihood, 0, len(l.sum))
	for code, p := range l.sum {
		out = append(out, Likelihood{code, p / l.spoken.Seconds()})
	}
	slices.SortFunc(out, func(a, b Likelihood) int {
		return cmp.Or(cmp.Compare(b.Prob, a.Prob), strings.Compare(a.Language, b.Language))
	})
	return out
}

// settle adds up the languages of the windows of the first minute of speech, which stay in t.order; as
// many as there are slots for stay encoded.
func (t *transcription) settle() error {
	defer func() {
		if n := len(t.order); n > t.mostSlots {
			t.order[n-1].leave()
		}
	}()
	for t.heard.spoken < settleAfter && len(t.order) < 2*mostSlots && !t.observe() {
		select {
		case w, more := <-t.windows:
			if t.allRead = !more; t.allRead {
				return nil
			}
			t.order = append(t.order, w)
			if err := t.listen(w); err != nil {
				return err
			}
		case <-t.p.Stop:
		case <-t.ctx.Done():
			return t.ctx.Err()
		}
	}
	return nil
}

// listen encodes w and adds the probabilities of its languages.
func (t *transcription) listen(w *fileWindow) error {
	if err := t.m.acquire(t.ctx); err != nil {
		return err
	}
	defer t.m.release()
	if n := len(t.order); n > t.mostSlots {
		t.order[max(t.mostSlots, n-1)-1].leave()
	}
	if err := t.encode(w); err != nil {
		return err
	}
	probs, err := w.slot.Detect(t.ctx)
	if err != nil {
		return err
	}
	w.languages = probs
	t.heard.add(probs, max(spokenTime(w.pieces), duration(chunk)))
	t.progress()
	return nil
}

// leave makes the slot of an encoded window free.
func (w *fileWindow) leave() { w.slot, w.encoded = nil, false }

// languageOf returns the language in which w is decoded and its probability: that of the windows before
// it, unless another one is certain for a long stretch.
func (t *transcription) languageOf(w *fileWindow) (code string, prob float64, err error) {
	if t.settled == "" {
		return t.o.Language, 0, nil
	}
	if w.languages == nil {
		if w.languages, err = w.slot.Detect(t.ctx); err != nil {
			return "", 0, err
		}
	}
	top, best := "", 0.0
	for code, p := range w.languages {
		if p > best {
			top, best = code, p
		}
	}
	if top != t.settled && best >= otherProb && spokenTime(w.pieces) >= otherSpeech {
		t.settled, t.languageProb = top, best
	}
	return t.settled, t.languageProb, nil
}

// The languages of Whisper and their English names (openai/whisper, tokenizer.py).
var languages = func() map[string]string {
	m := make(map[string]string)
	for _, s := range strings.Split(`en English,zh Chinese,de German,es Spanish,ru Russian,ko Korean,fr French,ja Japanese,
pt Portuguese,tr Turkish,pl Polish,ca Catalan,nl Dutch,ar Arabic,sv Swedish,it Italian,id Indonesian,hi Hindi,fi Finnish,
vi Vietnamese,he Hebrew,uk Ukrainian,el Greek,ms Malay,cs Czech,ro Romanian,da Danish,hu Hungarian,ta Tamil,no Norwegian,
th Thai,ur Urdu,hr Croatian,bg Bulgarian,lt Lithuanian,la Latin,mi Māori,ml Malayalam,cy Welsh,sk Slovak,te Telugu,
fa Persian,lv Latvian,bn Bengali,sr Serbian,az Azerbaijani,sl Slovenian,kn Kannada,et Estonian,mk Macedonian,br Breton,
eu Basque,is Icelandic,hy Armenian,ne Nepali,mn Mongolian,bs Bosnian,kk Kazakh,sq Albanian,sw Swahili,gl Galician,
mr Marathi,pa Punjabi,si Sinhala,km Khmer,sn Shona,yo Yoruba,so Somali,af Afrikaans,oc Occitan,ka Georgian,be Belarusian,
tg Tajik,sd Sindhi,gu Gujarati,am Amharic,yi Yiddish,lo Lao,uz Uzbek,fo Faroese,ht Haitian Creole,ps Pashto,tk Turkmen,
nn Norwegian Nynorsk,mt Maltese,sa Sanskrit,lb Luxembourgish,my Burmese,bo Tibetan,tl Tagalog,mg Malagasy,as Assamese,
tt Tatar,haw Hawaiian,ln Lingala,ha Hausa,ba Bashkir,jw Javanese,su Sundanese,yue Cantonese`, ",") {
		code, name, _ := strings.Cut(strings.TrimSpace(s), " ")
		m[code] = name
	}
	return m
}()

// LanguageName returns the English name of a language code, or the code itself.
func LanguageName(code string) string {
	if name, ok := languages[code]; ok {
		return name
	}
	return code
}

// otherNames are further names of languages that openai/whisper accepts.
var otherNames = map[string]string{"burmese": "my", "valencian": "ca", "flemish": "nl", "haitian": "ht", "letzeburgesch": "lb", "pushto": "ps",
	"panjabi": "pa", "moldavian": "ro", "moldovan": "ro", "sinhalese": "si", "castilian": "es", "mandarin": "zh", "maori": "mi", "nynorsk": "nn"}

// LanguageCode returns the code of the language with that code or English name, in upper or lower
// case, and false if there is none.
func LanguageCode(name string) (string, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	if _, ok := languages[name]; ok {
		return name, true
	}
	for code, n := range languages {
		if strings.ToLower(n) == name {
			return code, true
		}
	}
	code, ok := otherNames[name]
	return code, ok
}
