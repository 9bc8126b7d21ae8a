// The gated delta rule over the rows of one span (kernels.DeltaRule). An invocation takes one column of the values of a head; the state is
// s[head][dimension of a key][dimension of a value].
layout(std430, binding = 0) buffer S { float s[]; };
layout(std430, binding = 1) buffer Dst { float dst[]; };
layout(std430, binding = 2) readonly buffer Q { float q[]; };
layout(std430, binding = 3) readonly buffer K { float k[]; };
layout(std430, binding = 4) readonly buffer V { float v[]; };
layout(std430, binding = 5) readonly buffer Decay { float decay[]; };
layout(std430, binding = 6) readonly buffer Beta { float beta[]; };

// p: 0 rows, 1 heads, 2 heads of keys, 3 and 4 dimensions of a key and a value, 5 cyclic, 6 a decay for each dimension, 7 begin of s,
// 8 and 9 begin and stride of dst, 10 and 11 of q, 12 and 13 of k, 14 and 15 of v, 16 and 17 of decay, 18 and 19 of beta

void main() {
	int cols = p[1] * p[4];
	for (int col = int(gl_GlobalInvocationID.x); col < cols; col += int(gl_NumWorkGroups.x) * LOCAL) {
		int h = col / p[4], from = (p[5] == 1 ? h % p[2] : h / (p[1] / p[2])) * p[3];
		int at = p[7] + h * p[3] * p[4] + col % p[4];
		for (int r = 0; r < p[0]; r++) {
			int key = p[12] + r * p[13] + from, query = p[10] + r * p[11] + from, g = p[16] + r * p[17] + (p[6] == 1 ? h * p[3] : h);
			float sum = 0.0, y = 0.0;
			for (int i = 0; i < p[3]; i++) {
				float old = s[at + i * p[4]] * exponential(decay[p[6] == 1 ? g + i : g]);
				s[at + i * p[4]] = old;
				sum += old * k[key + i];
			}
			float change = beta[p[18] + r * p[19] + h] * (v[p[14] + r * p[15] + col] - sum);
			for (int i = 0; i < p[3]; i++) {
				float next = s[at + i * p[4]] + k[key + i] * change;
				s[at + i * p[4]] = next;
				y += next * q[query + i];
			}
			dst[p[8] + r * p[9] + col] = y;
		}
	}
}
