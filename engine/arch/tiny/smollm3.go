package tiny

var smollm3 = kind{architecture: "smollm3", layers: 5, layer: (*Source).plainLayer}
