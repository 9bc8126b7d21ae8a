// Selective state spaces over the rows of one span (kernels.Scan). An invocation takes a column, whose states are s[column][state].
layout(std430, binding = 0) buffer S { float s[]; };
layout(std430, binding = 1) buffer Dst { float dst[]; };
layout(std430, binding = 2) readonly buffer X { float x[]; }; // and dt, b and c
layout(std430, binding = 3) readonly buffer Dt { float dt[]; };
layout(std430, binding = 4) readonly buffer B { float b[]; };
layout(std430, binding = 5) readonly buffer C { float c[]; };
layout(std430, binding = 6) readonly buffer Rates { float a[]; };
layout(std430, binding = 7) readonly buffer Heads { float heads[]; }; // bias, then D

// p: 0 rows, 1 heads, 2 columns of a head, 3 states, 4 groups, 5 begin of s, 6 and 7 begin and stride of dst, 8 and 9 of x, 10 and 11 of
// dt, 12 and 13 of b, 14 and 15 of c, 16 a rate for each state, 17 begin of the biases (-1: none), 18 of D (-1: none)

void main() {
	int cols = p[1] * p[2], states = p[3];
	for (int col = int(gl_GlobalInvocationID.x); col < cols; col += int(gl_NumWorkGroups.x) * LOCAL) {
		int h = col / p[2], group = h / (p[1] / p[4]) * states, at = p[5] + col * states;
		for (int r = 0; r < p[0]; r++) {
			float delta = softplus(dt[p[10] + r * p[11] + h] + (p[17] < 0 ? 0.0 : heads[p[17] + h]));
			float v = x[p[8] + r * p[9] + col], y = p[18] < 0 ? 0.0 : heads[p[18] + h] * v;
			for (int i = 0; i < states; i++) {
				float rate = a[p[16] == 1 ? h * states + i : h];
				float next = s[at + i] * exponential(delta * rate) + delta * v * b[p[12] + r * p[13] + group + i];
				s[at + i] = next;
				y += next * c[p[14] + r * p[15] + group + i];
			}
			dst[p[6] + r * p[7] + col] = y;
		}
	}
}
