package quant

// formats is the table of block formats: a new format is a file and a line here.
var formats = map[Type]Format{
	F32:  {"F32", 1, 4, dequantizeF32, quantizeF32},
	F16:  {"F16", 1, 2, dequantizeF16, quantizeF16},
	BF16: {"BF16", 1, 2, dequantizeBF16, quantizeBF16},
	Q4_0: {"Q4_0", 32, q4_0Bytes, dequantizeQ4_0, quantizeQ4_0},
	Q4_1: {"Q4_1", 32, q4_1Bytes, dequantizeQ4_1, quantizeQ4_1},
	Q5_0: {"Q5_0", 32, q5_0Bytes, dequantizeQ5_0, quantizeQ5_0},
	Q5_1: {"Q5_1", 32, q5_1Bytes, dequantizeQ5_1, quantizeQ5_1},
	Q8_0: {"Q8_0", 32, q8_0Bytes, dequantizeQ8_0, quantizeQ8_0},
	Q2_K: {"Q2_K", 256, q2_KBytes, dequantizeQ2_K, nil},
	Q3_K: {"Q3_K", 256, q3_KBytes, dequantizeQ3_K, nil},
	Q4_K: {"Q4_K", 256, q4_KBytes, dequantizeQ4_K, quantizeQ4_K},
	Q5_K: {"Q5_K", 256, q5_KBytes, dequantizeQ5_K, nil},
	Q6_K: {"Q6_K", 256, q6_KBytes, dequantizeQ6_K, quantizeQ6_K},
}
