// A causal convolution of the rows of one span, separately for each column; then the last rows replace those that the state keeps. An
// invocation takes a column.
layout(std430, binding = 0) buffer Kept { float kept[]; };
layout(std430, binding = 1) buffer Dst { float dst[]; };
layout(std430, binding = 2) readonly buffer X { float x[]; };
layout(std430, binding = 3) readonly buffer W { float w[]; };

// p: 0 rows, 1 columns, 2 width, 3 begin of what is kept, 4 and 5 begin and stride of dst, 6 and 7 of x

void main() {
	int n = p[0], cols = p[1], old = p[2] - 1;
	for (int c = int(gl_GlobalInvocationID.x); c < cols; c += int(gl_NumWorkGroups.x) * LOCAL) {
		for (int r = 0; r < n; r++) {
			float sum = 0.0;
			for (int i = 0; i <= old; i++) {
				int from = r - old + i;
				sum += w[i * cols + c] * (from < 0 ? kept[p[3] + (old + from) * cols + c] : x[p[6] + from * p[7] + c]);
			}
			dst[p[4] + r * p[5] + c] = sum;
		}
		for (int i = 0; i < old; i++) {
			int from = n + i; // in the rows that were kept and those of the span
			kept[p[3] + i * cols + c] = from < old ? kept[p[3] + from * cols + c] : x[p[6] + (from - old) * p[7] + c];
		}
	}
}
