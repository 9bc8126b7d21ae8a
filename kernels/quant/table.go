package quant

// formats is the table of block formats: a new format is a file and a line here.
var formats = map[Type]Format{
	F32:  {"F32", 1, 4, dequantizeF32, quantizeF32, nil, false, nil},
	F16:  {"F16", 1, 2, dequantizeF16, quantizeF16, nil, false, nil},
	BF16: {"BF16", 1, 2, dequantizeBF16, quantizeBF16, nil, false, nil},
	Q4_0: {"Q4_0", 32, q4_0Bytes, dequantizeQ4_0, quantizeQ4_0, encodeQ4_0, false, nil},
	Q4_1: {"Q4_1", 32, q4_1Bytes, dequantizeQ4_1, quantizeQ4_1, encodeQ4_1, false, nil},
	Q5_0: {"Q5_0", 32, q5_0Bytes, dequantizeQ5_0, quantizeQ5_0, encodeQ5_0, false, nil},
	Q5_1: {"Q5_1", 32, q5_1Bytes, dequantizeQ5_1, quantizeQ5_1, encodeQ5_1, false, nil},
	Q8_0: {"Q8_0", 32, q8_0Bytes, dequantizeQ8_0, quantizeQ8_0, nil, false, nil},
	Q2_K: {"Q2_K", 256, q2_KBytes, dequantizeQ2_K, nil, encodeQ2_K, true, nil},
	Q3_K: {"Q3_K", 256, q3_KBytes, dequantizeQ3_K, nil, encodeQ3_K, true, nil},
	Q4_K: {"Q4_K", 256, q4_KBytes, dequantizeQ4_K, quantizeQ4_K, encodeQ4_K, true, nil},
	Q5_K: {"Q5_K", 256, q5_KBytes, dequantizeQ5_K, nil, encodeQ5_K, true, nil},
	Q6_K: {"Q6_K", 256, q6_KBytes, dequantizeQ6_K, quantizeQ6_K, encodeQ6_K, true, nil},

	IQ1_S:   iq1_S.format("IQ1_S", 256, iq1_SBytes, nil),
	IQ1_M:   iq1_M.format("IQ1_M", 256, iq1_MBytes, nil),
	IQ2_XXS: iq2_XXS.format("IQ2_XXS", 256, iq2_XXSBytes, nil),
	IQ2_XS:  iq2_XS.format("IQ2_XS", 256, iq2_XSBytes, nil),
	IQ2_S:   iq2_S.format("IQ2_S", 256, iq2_SBytes, nil),
	IQ3_XXS: iq3_XXS.format("IQ3_XXS", 256, iq3_XXSBytes, nil),
	IQ3_S:   iq3_S.format("IQ3_S", 256, iq3_SBytes, nil),
	IQ4_NL:  iq4_NL.format("IQ4_NL", 32, iq4_NLBytes, quantizeIQ4_NL).searched(encodeIQ4_NL),
	IQ4_XS:  iq4_XS.format("IQ4_XS", 256, iq4_XSBytes, quantizeIQ4_XS).searched(encodeIQ4_XS),
	TQ1_0:   tq1_0.format("TQ1_0", 256, tq1_0Bytes, quantizeTQ1_0),
	TQ2_0:   tq2_0.format("TQ2_0", 256, tq2_0Bytes, quantizeTQ2_0),
	MXFP4:   mxfp4.format("MXFP4", 32, mxfp4Bytes, quantizeMXFP4),
	NVFP4:   nvfp4.format("NVFP4", 64, nvfp4Bytes, nil),
}
