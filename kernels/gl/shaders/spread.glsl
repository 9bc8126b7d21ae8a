// Gather (OPTION 0) copies rows of x to the groups of their experts, Combine (OPTION 1) adds the rows of the groups x, multiplied by
// their weights, to the rows that they are copies of.
layout(std430, binding = 0) buffer Dst { float dst[]; };
layout(std430, binding = 1) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer Choice { int c[]; };

// p: 0 rows of dst, 1 columns, 2 and 3 begin and stride of dst, 4 and 5 of x, 6 used, 7 weight, 8 place, 9 source,
// 10 the weights multiply the rows that are gathered

void main() {
	uint cols = uint(p[1]), n = uint(p[0]) * cols;
	for (uint i = gl_GlobalInvocationID.x; i < n; i += gl_NumWorkGroups.x * LOCAL) {
		int r = int(i / cols), k = int(i % cols), at = p[2] + r * p[3] + k;
#if OPTION == 0
		int from = c[p[9] + r];
		float v = x[p[4] + from / p[6] * p[5] + k];
		dst[at] = p[10] == 1 ? v * intBitsToFloat(c[p[7] + from]) : v;
#else
		float sum = dst[at];
		for (int j = r * p[6]; j < (r + 1) * p[6]; j++) {
			float v = x[p[4] + c[p[8] + j] * p[5] + k];
			sum += p[10] == 1 ? v : v * intBitsToFloat(c[p[7] + j]);
		}
		dst[at] = sum;
#endif
	}
}
