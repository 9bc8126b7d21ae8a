package asr

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
)

// Likelihood is how probable a language is.
type Likelihood struct {
	Language string // a code
	Prob     float64
}

// Detect returns the probabilities of the model's languages for the first 30 s of speech in
// src, the likeliest first, or none if nobody speaks. The error is src's, ctx's or ErrClosed.
func (m *Model) Detect(ctx context.Context, src Source) ([]Likelihood, error) {
	p, err := firstWindow(ctx, src)
	if err != nil || len(p) == 0 {
		return nil, err
	}
	if err := m.acquire(ctx); err != nil {
		return nil, err
	}
	defer m.release()
	slot, err := m.slot()
	if err != nil {
		return nil, err
	}
	defer func() { m.slots = append(m.slots, slot) }()
	samples := join(p)
	probs, err := slot.Detect(ctx, m.mel.Window(samples[:min(len(samples), window)], m.net.Frames()))
	if err != nil {
		return nil, err
	}
	out := make([]Likelihood, 0, len(probs))
	for code, p := range probs {
		out = append(out, Likelihood{code, p})
	}
	slices.SortFunc(out, func(a, b Likelihood) int {
		return cmp.Or(cmp.Compare(b.Prob, a.Prob), strings.Compare(a.Language, b.Language))
	})
	return out, nil
}

// firstWindow reads src up to a window of speech, or to a long gap or the end after some.
func firstWindow(ctx context.Context, src Source) ([]piece, error) {
	seg := newSegmenter(fileSegments)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		done, err := readChunk(src, seg)
		switch {
		case err != nil && err != io.EOF:
			return nil, err
		case len(done) > 0:
			return done[0].pieces, nil
		case err == io.EOF || len(seg.certain()) >= window/chunk:
			return seg.certain(), nil
		}
	}
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
