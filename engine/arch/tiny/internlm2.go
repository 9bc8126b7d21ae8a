package tiny

var internlm2 = kind{architecture: "internlm2", layers: 3, layer: (*Source).plainLayer, last: (*Source).normAndOutput}
