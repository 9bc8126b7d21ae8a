// Package arch implements the model families. Each family has a file with its configuration,
// which is read from the file's metadata, its weights and its forward pass. A new family is a
// file and a line in the table families.
package arch

import (
	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// Model is a language model on a device. Only one goroutine may use it at a time.
type Model interface {
	// Shape describes the model.
	Shape() Shape
	// Forward runs a step. The layers store what they keep of its tokens in the states of its
	// spans. Forward returns the logits of the rows in step.Out, [len(step.Out) × Vocabulary];
	// they are valid until the next call. It returns nil if step.Out is empty. Callers must
	// check that tokens are below Vocabulary and that positions fit in their state. The error
	// is the device's.
	Forward(step *nn.Step) (*kernels.Rows, error)
}

// Shape holds the properties of a model that callers need.
type Shape struct {
	Vocabulary int
	Context    int // tokens of the context in training
	// Layers describes what each layer keeps of a sequence. Layers that keep a second thing, such as delta nets, have
	// an entry behind those of all layers for it.
	Layers []kernels.Layer
	// Bytes is the memory of the weights on the device, without the file itself.
	Bytes int64
	// Scratch is the number of float32 values that a row of a step needs, without its logits.
	Scratch int
}

// State returns the shape of a state for n tokens.
func (s Shape) State(n int) kernels.StateShape {
	return kernels.StateShape{Layers: s.Layers, Cap: n}
}

// family is what the table says of a family.
type family struct {
	title string // for people
	open  func(*reader) (Model, error)
	// keys are keys that the family does not read, with the values that change nothing; see further.
	keys map[string]neutral
}

// families is the table of families, by general.architecture. README.md lists them; see TestReadme.
var families = map[string]family{
	"afmoe":          {"Arcee Trinity", openAFMoE, siluKeys},
	"apertus":        {"Apertus", openApertus, xieluKeys},
	"arcee":          {"Arcee AFM", openArcee, reluSquaredKeys},
	"bailingmoe":     {"Ling", openBailingMoE, siluKeys},
	"bailingmoe2":    {"Ling 2 and Ring 2", openBailingMoE2, siluKeys},
	"bloom":          {"BLOOM", openBloom, geluKeys},
	"chatglm":        {"ChatGLM 3 and GLM-4-9B", openChatGLM, siluKeys},
	"cohere2":        {"Command R7B and A", openCohere2, siluKeys},
	"command-r":      {"Command R", openCommandR, siluKeys},
	"deci":           {"DeciLM and Llama Nemotron", openDeci, siluKeys},
	"deepseek":       {"DeepSeekMoE", openDeepseek, siluKeys},
	"deepseek2":      {"DeepSeek V2 and V3", openDeepseek2, siluKeys},
	"dots1":          {"dots.llm1", openDots1, siluKeys},
	"ernie4_5":       {"ERNIE 4.5", openErnie45, siluKeys},
	"ernie4_5-moe":   {"ERNIE 4.5 MoE", openErnie45MoE, siluKeys},
	"exaone":         {"EXAONE 3", openExaone, siluKeys},
	"exaone-moe":     {"K-EXAONE", openExaoneMoE, siluKeys},
	"exaone4":        {"EXAONE 4", openExaone4, siluKeys},
	"falcon":         {"Falcon", openFalcon, geluKeys},
	"falcon-h1":      {"Falcon-H1", openFalconH1, siluKeys},
	"gemma":          {"Gemma", openGemma, geluKeys},
	"gemma2":         {"Gemma 2", openGemma2, geluKeys},
	"gemma3":         {"Gemma 3", openGemma3, gemma3Keys},
	"gemma3n":        {"Gemma 3n", openGemma3n, geluKeys},
	"gemma4":         {"Gemma 4", openGemma4, geluKeys},
	"glm4":           {"GLM-4", openGLM4, siluKeys},
	"glm4moe":        {"GLM-4.5", openGLM4MoE, siluKeys},
	"gpt-oss":        {"gpt-oss", openGPTOSS, siluKeys},
	"gpt2":           {"GPT-2", openGPT2, geluKeys},
	"gptneox":        {"GPT-NeoX", openGPTNeoX, geluKeys},
	"granite":        {"Granite", openGranite, siluKeys},
	"granite_swa":    {"Granite with windows", openGraniteSWA, siluKeys},
	"granitehybrid":  {"Granite Hybrid", openGraniteHybrid, siluKeys},
	"granitemoe":     {"Granite MoE", openGraniteMoE, siluKeys},
	"hunyuan-dense":  {"Hunyuan", openHunyuanDense, siluKeys},
	"hunyuan-moe":    {"Hunyuan MoE", openHunyuanMoE, siluKeys},
	"internlm2":      {"InternLM2", openInternLM2, siluKeys},
	"jamba":          {"Jamba", openJamba, siluKeys},
	"kimi-linear":    {"Kimi Linear", openKimiLinear, kimiKeys},
	"lfm2":           {"LFM2", openLFM2, siluKeys},
	"lfm2moe":        {"LFM2 MoE", openLFM2MoE, siluKeys},
	"llama":          {"Llama", openLlama, siluKeys},
	"llama4":         {"Llama 4", openLlama4, llama4Keys},
	"maincoder":      {"Maincoder", openMaincoder, siluKeys},
	"mamba":          {"Mamba", openMamba, mambaKeys},
	"mamba2":         {"Mamba 2", openMamba2, mambaKeys},
	"mellum":         {"Mellum 2", openMellum, siluKeys},
	"minicpm":        {"MiniCPM", openMiniCPM, siluKeys},
	"minimax-m2":     {"MiniMax-M2", openMiniMaxM2, siluKeys},
	"mistral3":       {"Mistral 3", openMistral3, siluKeys},
	"mistral4":       {"Mistral 4", openMistral4, siluKeys},
	"mpt":            {"MPT", openMPT, geluKeys},
	"nanbeige":       {"Nanbeige 4.2", openNanbeige, siluKeys},
	"nemotron":       {"Nemotron", openNemotron, reluSquaredKeys},
	"nemotron_h":     {"Nemotron-H", openNemotronH, reluSquaredKeys},
	"nemotron_h_moe": {"Nemotron 3", openNemotronHMoE, reluSquaredKeys},
	"olmo":           {"OLMo", openOLMo, siluKeys},
	"olmo2":          {"OLMo 2 and 3", openOLMo2, siluKeys},
	"olmoe":          {"OLMoE", openOLMoE, siluKeys},
	"pangu-embedded": {"openPangu Embedded", openPangu, siluKeys},
	"phi2":           {"Phi-2", openPhi2, geluKeys},
	"phi3":           {"Phi-3 and 4", openPhi3, siluKeys},
	"phimoe":         {"Phi-3.5 MoE", openPhiMoE, siluKeys},
	"plamo2":         {"PLaMo 2", openPlamo2, siluKeys},
	"qwen2":          {"Qwen2", openQwen2, siluKeys},
	"qwen2moe":       {"Qwen2 MoE", openQwen2MoE, siluKeys},
	"qwen2vl":        {"Qwen2 VL and 2.5 VL", openQwen2VL, siluKeys},
	"qwen3":          {"Qwen3", openQwen3, siluKeys},
	"qwen35":         {"Qwen3.5", openQwen35, siluKeys},
	"qwen35moe":      {"Qwen3.5 MoE", openQwen35MoE, siluKeys},
	"qwen3moe":       {"Qwen3 MoE", openQwen3MoE, siluKeys},
	"qwen3next":      {"Qwen3-Next", openQwen3Next, siluKeys},
	"qwen3vl":        {"Qwen3 VL", openQwen3VL, siluKeys},
	"qwen3vlmoe":     {"Qwen3 VL MoE", openQwen3VLMoE, siluKeys},
	"rwkv7":          {"RWKV-7", openRWKV7, rwkv7Keys},
	"seed_oss":       {"Seed-OSS", openSeedOSS, siluKeys},
	"smallthinker":   {"SmallThinker", openSmallThinker, reluKeys},
	"smollm3":        {"SmolLM3", openSmolLM3, siluKeys},
	"stablelm":       {"StableLM", openStableLM, siluKeys},
	"starcoder":      {"StarCoder", openStarCoder, geluKeys},
	"starcoder2":     {"StarCoder2", openStarCoder2, geluKeys},
}

// encoders is the table of families whose attention is not causal, by general.architecture: models.Encoders. Their open
// functions return hidden rows; see Encoder.
var encoders = map[string]family{
	"bert":            {"BERT", openBert, geluKeys},
	"eurobert":        {"EuroBERT", openEuroBert, siluKeys},
	"gemma-embedding": {"EmbeddingGemma", openGemmaEmbedding, gemma3Keys},
	"jina-bert-v2":    {"Jina BERT v2", openBert, geluKeys},
	"jina-bert-v3":    {"Jina BERT v3", openBert, geluKeys},
	"llama-embed":     {"Llama Embed Nemotron", openLlamaEmbed, siluKeys},
	"modern-bert":     {"ModernBERT", openModernBert, nil},
	"neo-bert":        {"NeoBERT", openNeoBert, siluKeys},
	"nomic-bert":      {"Nomic BERT", openBert, siluKeys},
	"nomic-bert-moe":  {"Nomic BERT MoE", openBert, geluKeys},
}

// siluKeys are the keys that families with SiLU in their feed-forward layers do not read.
var siluKeys = map[string]neutral{"hidden_activation": value("silu", "swish")}

// Open loads the weights of f onto dev. f must stay open as long as the Model is used. Its sequences
// have at most limit tokens; 0 means as many as in training. Some files have rotary frequencies for
// short contexts and others for long ones.
//
// Open first reads f on a kernels.Checker, so that a file at fault is refused before its weights are
// loaded. The error is a *models.FileError of kind models.ErrUnsupported if the family is not in the
// table, if the file is not a model, or if it has a tensor or a key that changes the arithmetic which
// the family does not know, and of kind models.ErrCorrupt if a key or tensor is missing or contradicts
// the others; an error of dev is prefixed with the path.
func Open(f *models.File, dev kernels.Device, limit int) (Model, error) {
	checker, checks := dev.(kernels.Checker)
	m, err := open(f, checker, limit)
	if checks || err != nil {
		return m, err
	}
	return open(f, dev, limit)
}

func open(f *models.File, dev kernels.Device, limit int) (Model, error) {
	name, family, err := familyOf(f)
	if err != nil {
		return nil, err
	}
	if _, encodes := encoders[name]; encodes {
		return nil, models.Unsupported(f.Path, "", "holds an encoder (%s), which makes vectors of texts and continues none", family.title)
	}
	r := newReader(f, dev, name, limit)
	m, err := family.open(r)
	if err == nil {
		err = r.unread(family)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// familyOf returns the name of f's family and its line in the table.
func familyOf(f *models.File) (string, family, error) {
	name, err := f.Meta.String("general.architecture", "")
	if err != nil {
		return "", family{}, models.InFile(f.Path, err)
	}
	kind, err := f.Meta.String("general.type", "model")
	if err != nil {
		return "", family{}, models.InFile(f.Path, err)
	}
	if err := refused(f, name, kind); err != nil {
		return name, family{}, err
	}
	entry, known := families[name]
	if !known {
		entry = encoders[name]
	}
	return name, entry, nil
}
