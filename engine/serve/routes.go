package serve

import "net/http"

// routes lists what the server answers.
func routes() []*route {
	return []*route{
		{method: http.MethodGet, path: "/v1/models", dialect: openAI, idle: true, answer: openAIList, summary: "The models that requests can name", response: openAIModels{}},
		{method: http.MethodGet, path: "/v1/models/{model}", dialect: openAI, idle: true, answer: openAIOne, summary: "One model", response: openAIModel{}},
		{method: http.MethodPost, path: "/v1/chat/completions", dialect: openAI, answer: openAIChat, summary: "The answer to a conversation", request: chatRequest{}, response: chatCompletion{}},
		{method: http.MethodPost, path: "/v1/completions", dialect: openAI, answer: openAIComplete, summary: "The continuation of texts", request: completionRequest{}, response: completion{}},
		{method: http.MethodPost, path: "/v1/embeddings", dialect: openAI, answer: openAIEmbed, summary: "Vectors of texts", request: embedRequest{}, response: embedAnswer{}},
		{method: http.MethodPost, path: "/v1/rerank", dialect: openAI, answer: rerank, summary: "How well documents answer a query", request: rerankRequest{}, response: rerankAnswer{}},
		{method: http.MethodPost, path: "/v1/audio/transcriptions", dialect: openAI, answer: transcribes, summary: "The text of a recording", form: true, response: audioVerbose{}},
		{method: http.MethodPost, path: "/v1/audio/translations", dialect: openAI, answer: translates, summary: "The text of a recording in English", form: true, response: audioVerbose{}},
		{method: http.MethodPost, path: "/v1/responses", dialect: openAI, answer: openAIResponses, summary: "The answer to a conversation, in items", request: responsesRequest{}, response: response{}},
		{method: http.MethodPost, path: "/v1/messages", dialect: anthropic, answer: anthropicMessages, summary: "The answer to a conversation", request: anthropicRequest{}, response: anthropicAnswer{}},
		{method: http.MethodPost, path: "/v1/messages/count_tokens", dialect: anthropic, answer: anthropicCount, summary: "The number of tokens of a conversation", request: anthropicRequest{}, response: anthropicTokens{}},
		{method: http.MethodPost, path: "/api/chat", dialect: ollama, answer: ollamaChats, summary: "The answer to a conversation", request: ollamaChat{}, response: ollamaPart{}},
		{method: http.MethodPost, path: "/api/generate", dialect: ollama, answer: ollamaGenerates, summary: "The answer to a message", request: ollamaGenerate{}, response: ollamaPart{}},
		{method: http.MethodPost, path: "/api/embed", dialect: ollama, answer: ollamaEmbed, summary: "Vectors of texts", request: ollamaEmbedRequest{}, response: ollamaEmbedded{}},
		{method: http.MethodPost, path: "/api/show", dialect: ollama, answer: ollamaShow, summary: "What a model is", request: ollamaShowRequest{}, response: ollamaShown{}},
		{method: http.MethodGet, path: "/api/tags", dialect: ollama, idle: true, answer: ollamaTags, summary: "The models", response: ollamaModels{}},
		{method: http.MethodGet, path: "/api/version", dialect: ollama, idle: true, answer: ollamaVersion, summary: "The version of the program", response: ollamaVersionAnswer{}},
		{method: http.MethodPost, path: "/{$}", dialect: tgi, answer: tgiCompat, summary: "The continuation of a text, whole in a list or in a stream", request: tgiRequest{}, response: []tgiAnswer{}},
		{method: http.MethodPost, path: "/generate", dialect: tgi, answer: tgiGenerate, summary: "The continuation of a text", request: tgiRequest{}, response: tgiAnswer{}},
		{method: http.MethodPost, path: "/generate_stream", dialect: tgi, answer: tgiStream, summary: "The continuation of a text, token by token", request: tgiRequest{}, response: tgiEvent{}},
		{method: http.MethodPost, path: "/tokenize", dialect: tgi, answer: tgiTokenize, summary: "The tokens of a text", request: tgiRequest{}, response: []tgiToken{}},
		{method: http.MethodGet, path: "/info", dialect: tgi, answer: tgiAbout, summary: "The model and the limits", response: tgiInfo{}},
		{method: http.MethodGet, path: "/health", dialect: tgi, idle: true, open: true, answer: alive, summary: "Whether the server answers"},
		{method: http.MethodGet, path: "/health/live", dialect: tgi, idle: true, open: true, answer: alive, summary: "Whether the server answers"},
		{method: http.MethodGet, path: "/health/ready", dialect: tgi, idle: true, open: true, answer: ready, summary: "Whether a model can be used"},
		{method: http.MethodGet, path: "/openapi.json", dialect: openAI, idle: true, answer: showOpenAPI, summary: "This description"},
		{method: http.MethodGet, path: "/metrics", dialect: tgi, idle: true, answer: showMetrics, summary: "Numbers for Prometheus"},
		{method: http.MethodPost, path: "/rerank", dialect: tgi, answer: teiRerank, summary: "How well texts answer a query", request: teiRerankRequest{}, response: []teiRank{}},
	}
}
