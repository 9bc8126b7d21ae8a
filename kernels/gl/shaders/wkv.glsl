// The recurrence of RWKV-7 over the rows of one span (Step.WKV). An invocation takes one column of a head; the state is
// s[head][dimension][dimension].
layout(std430, binding = 0) buffer S { float s[]; };
layout(std430, binding = 1) buffer Dst { float dst[]; };
layout(std430, binding = 2) readonly buffer R { float r[]; };
layout(std430, binding = 3) readonly buffer Decay { float decay[]; };
layout(std430, binding = 4) readonly buffer K { float k[]; };
layout(std430, binding = 5) readonly buffer V { float v[]; };
layout(std430, binding = 6) readonly buffer A { float a[]; };
layout(std430, binding = 7) readonly buffer B { float b[]; };

// p: 0 rows, 1 columns, 2 dimensions of a head, 3 begin of s, 4 and 5 begin and stride of dst, 6 and 7 of r, 8 and 9 of decay, 10 and 11
// of k, 12 and 13 of v, 14 and 15 of a, 16 and 17 of b

void main() {
	int n = p[2];
	for (int col = int(gl_GlobalInvocationID.x); col < p[1]; col += int(gl_NumWorkGroups.x) * LOCAL) {
		int from = col / n * n, at = p[3] + from * n + col % n;
		for (int row = 0; row < p[0]; row++) {
			float sum = 0.0, y = 0.0, value = v[p[12] + row * p[13] + col];
			for (int i = 0; i < n; i++) sum += a[p[14] + row * p[15] + from + i] * s[at + i * n];
			for (int i = 0; i < n; i++) {
				float next = s[at + i * n] * exponential(decay[p[8] + row * p[9] + from + i]) + b[p[16] + row * p[17] + from + i] * sum +
					k[p[10] + row * p[11] + from + i] * value;
				s[at + i * n] = next;
				y += next * r[p[6] + row * p[7] + from + i];
			}
			dst[p[4] + row * p[5] + col] = y;
		}
	}
}
