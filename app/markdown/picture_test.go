package markdown

import (
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/app/ui/uitest"
)

// picture shows an answer as the chat does and takes a picture of it.
func picture(t *testing.T, name string, mode ui.Mode, source string) *uitest.Stage {
	t.Helper()
	s := uitest.New(t, "markdown", mode)
	v := NewView()
	v.OnCopy = func(string) {}
	v.Set(Parse(source), false)
	pane := ui.NewPane()
	s.Show(pane.Object)
	pane.Set(false, v)
	s.Win.Resize(fyne.NewSize(800, 700))
	s.Shot(name + "-" + string(mode))
	return s
}

const scripts = `**Arabic:** السلام عليكم، كيف حالك اليوم؟ عمره 11,000 سنة.

البحر واسع وعميق، ويبلغ عمقه 11,000 متر في بعض الأماكن (وهو **مصدر** الحياة)!

1. الماء: أولاً
2. الملح: ثانياً

> اقتباس قصير

**Hebrew:** מה שלומך היום, 25 ביוני?

**Mixed:** The Arabic word كتاب means "book" and (123 مكتبة) means library, v2.0.

**Chinese:** 中文**粗体**字 **Thai:** ภาษาไทย **Hindi:** हिन्दी में बातचीत

**Emoji:** يا &middot; 1️ 0️⃣ *️⃣ 👋🏿 🤷‍♂️ ▶️ ⓜ️ ㊗️ 🧠 🥲 🔟 😀 1️⃣ 2️⃣ #️⃣ ❤️ ❤ ✈️ 👨‍👩‍👧 👩‍🚀 🇩🇪 👍🏽 🏳️‍🌈 ☑️ ✅ ™️ ©️ ⚠️

| الاسم | العمر |
|---|---|
| ليلى | 30 |
`

const markup = "The formula is $x = \\frac{-b \\pm \\sqrt{b^2-4ac}}{2a}$ inline, and \\( a_1 + a_2 \\):\n\n\\[\nE = mc^2\n- 1\n\\]\n\n<think>\nLet me see.\n</think>\n\nOne line\nand the next; ~5 to ~10, ~~struck~~; &amp;lt; **中文**字\n\n" +
	"```python title=\"gypsy.py\"\ndef gypsy_jug(quay):  # ggg yyy ppp jjj qqq ___\n    return f\"{quay}, Ågypj\"\n```\n\n```javascript\nlet gy = 1\n```\n\n" +
	"- level 0\n  - level 1\n    - level 2\n      - level 3\n        - level 4\n          - level 5\n            - level 6\n              - level 7\n                1. level 8\n"

func TestPictures(t *testing.T) {
	for _, mode := range []ui.Mode{ui.Light, ui.Dark} {
		picture(t, "scripts", mode, scripts)
		picture(t, "markup", mode, markup)
	}
}
