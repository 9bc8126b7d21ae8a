// Operations that write a value of dst from values of x at other places. OPTION is the operation.
layout(std430, binding = 0) buffer Dst { float dst[]; };
layout(std430, binding = 1) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer Y { float y[]; };

// p: 0 rows, 1 columns (of dst, or of what is written), 2 and 3 begin and stride of dst, 4 and 5 of x, 6 rows of x, 7 columns of x,
// 8 and 9 begin and stride of y, 10 … numbers of the operation

void main() {
	uint cols = uint(p[1]), n = uint(p[0]) * cols;
	for (uint i = gl_GlobalInvocationID.x; i < n; i += gl_NumWorkGroups.x * LOCAL) {
		int r = int(i / cols), c = int(i % cols), at = p[2] + r * p[3];
#if OPTION == 0 // Unfold: 10 stride, 11 padding
		int from = r * p[10] - p[11] + c / p[7];
		dst[at + c] = from < 0 || from >= p[6] ? 0.0 : x[p[4] + from * p[5] + c % p[7]];
#elif OPTION == 1 // Mix: 10 parts, 11 width of a part; y are the weights
		float sum = dst[at + c];
		for (int k = 0; k < p[10]; k++) sum += y[p[8] + r * p[9] + c / p[11] * p[10] + k] * x[p[4] + r * p[5] + k * p[11] + c % p[11]];
		dst[at + c] = sum;
#elif OPTION == 2 // CopyHeads: 10 columns copied, 11 and 12 width of a head and first column in dst, 13 and 14 in x
		int h = c / p[10], k = c % p[10];
		dst[at + h * p[11] + p[12] + k] = x[p[4] + r * p[5] + h * p[13] + p[14] + k];
#else // Rotate: 10 pairs, 11 dimensions of a head, 12 first rotated one, 13 pairs are neighbours; y are cosines and sines
		int h = c / p[10], k = c % p[10], a = at + h * p[11] + p[12];
		int b = a + (p[13] == 1 ? 2 * k + 1 : p[10] + k);
		a += p[13] == 1 ? 2 * k : k;
		float u = dst[a], v = dst[b], cosine = y[p[8] + r * p[9] + 2 * k], sine = y[p[8] + r * p[9] + 2 * k + 1];
		dst[a] = u * cosine - v * sine;
		dst[b] = u * sine + v * cosine;
#endif
	}
}
