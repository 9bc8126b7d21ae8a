// A product of many rows of x with weights: dst = x·wᵀ (+ bias) (+ dst). A work group computes 64 columns of HIGH rows of dst. It unpacks
// 32 columns of 64 rows of w into shared memory at a time, once for all its rows of x; an invocation has 8 × OPTION sums.
//
// OPTION is an eighth of HIGH.
layout(std430, binding = 2) buffer Dst { float dst[]; };
layout(std430, binding = 3) readonly buffer X { float x[]; };
layout(std430, binding = 4) readonly buffer Bias { float bias[]; };

#define WIDE 64u // rows of w
#define HIGH (8u * OPTION) // rows of x

// p: as in matvec.glsl, 0 … 10 and 18; 20 and 21 first group of rows of w, and the one behind the last

shared float a[WIDE][RUN + 1u];
shared float b[HIGH][RUN + 1u];

void main() {
	uint t = gl_LocalInvocationID.x, tx = t % 8u, ty = t / 8u;
	uint rows = uint(p[0]), cols = uint(p[1]), runs = (cols + RUN - 1u) / RUN;
	uint first = gl_WorkGroupID.y * HIGH;
	for (uint tile = gl_WorkGroupID.x + uint(p[20]); tile < uint(p[21]); tile += gl_NumWorkGroups.x) {
		float acc[8][OPTION];
		for (int i = 0; i < 8; i++) for (int j = 0; j < OPTION; j++) acc[i][j] = 0.0;
		for (uint run = 0u; run < runs; run++) {
			float v[32];
			uint most = min(RUN, cols - run * RUN);
			unpack(min(tile * WIDE + t, rows - 1u) * uint(p[2]), run, cols, v); // what is behind the last row is not written
			for (uint i = 0u; i < RUN; i++) a[t][i] = v[i];
			for (uint k = t; k < HIGH * RUN; k += LOCAL) {
				uint n = first + k / RUN, c = run * RUN + k % RUN;
				b[k / RUN][k % RUN] = n < uint(p[7]) && c < cols ? x[uint(p[5]) + n * uint(p[6]) + c] : 0.0;
			}
			SYNC;
			for (uint k = 0u; k < most; k++) {
				float left[8];
				for (uint i = 0u; i < 8u; i++) left[i] = a[tx + 8u * i][k];
				for (uint j = 0u; j < OPTION; j++) {
					float right = b[ty + 8u * j][k];
					for (uint i = 0u; i < 8u; i++) acc[i][j] += left[i] * right;
				}
			}
			SYNC;
		}
		for (uint j = 0u; j < OPTION; j++) {
			uint n = first + ty + 8u * j;
			for (uint i = 0u; i < 8u; i++) {
				uint r = tile * WIDE + tx + 8u * i;
				if (r >= rows || n >= uint(p[7])) continue;
				uint at = uint(p[3] + p[8]) + n * uint(p[4]) + r;
				dst[at] = acc[i][j] + (p[10] == 1 ? bias[uint(p[18]) + r] : 0.0) + (p[9] == 1 ? dst[at] : 0.0);
			}
		}
	}
}
