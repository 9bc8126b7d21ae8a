package serve

import "net/http"

// routes lists what the server answers.
func routes() []*route {
	return []*route{
		{method: http.MethodGet, path: "/v1/models", dialect: openAI, idle: true, answer: openAIList, summary: "The models that requests can name", response: openAIModels{}},
		{method: http.MethodGet, path: "/v1/models/{model}", dialect: openAI, idle: true, answer: openAIOne, summary: "One model", response: openAIModel{}},
		{method: http.MethodPost, path: "/v1/chat/completions", dialect: openAI, answer: openAIChat, summary: "The answer to a conversation", request: chatRequest{}, response: chatCompletion{}},
		{method: http.MethodPost, path: "/v1/completions", dialect: openAI, answer: openAIComplete, summary: "The continuation of texts", request: completionRequest{}, response: completion{}},
	}
}
