// A product of a few rows of x with weights: dst = x·wᵀ (+ bias) (+ dst), or f(x·gateᵀ)·x·upᵀ. 16 invocations share a row of w (or a row of
// gate and one of up), of which a work group has four; each unpacks every 16th run of 32 values, once for all rows of x, of which a work
// group takes FEW. The sums are in shared memory: an array that is indexed by a variable would leave the registers.
//
// OPTION is the sum of GATED: w has the rows of gate and then as many of up; and QUADS: rows of x begin at multiples of four values and have whole
// runs, so that four values are read at once. With CLUSTERS the 16 invocations are neighbours in a subgroup, which adds their sums up.
#define GATED (OPTION & 1)
#define QUADS (OPTION >> 1 & 1)

layout(std430, binding = 2) buffer Dst { float dst[]; };
layout(std430, binding = 3) readonly buffer X { float x[]; };
layout(std430, binding = 4) readonly buffer Bias { float bias[]; };
layout(std430, binding = 5) readonly buffer Choice { int choice[]; };
layout(std430, binding = 6) readonly buffer Quads { vec4 quads[]; }; // x

#define FEW 8
#define LANES 16u
#define ROWS (LOCAL / LANES)

// p: 0 rows of w, 1 columns, 2 bytes of a row, 3 and 4 begin and stride of dst, 5 and 6 of x, 7 rows of x, 8 first column of dst,
// 9 add to dst, 10 there is a bias, 11 mode, 12 and 13 first and number of the experts in w, 14 place of the tiles in choice,
// 15 and 16 width of a head of x and dst, 17 rows of the part (for biases), 18 first row of w in the part, 19 activation, 20 and 21 first tile of ROWS rows of
// w (of gate) and the one behind the last
#define PLAIN 0
#define EXPERTS 1 // work group y is a tile: an expert, its first row of the groups, the number of its rows
#define HEADS 2   // work group z is a head, and the expert of that number

shared float sums[1 + GATED][FEW][LOCAL];

// product returns the product of a run with values of x.
float product(float v[32], uint at, uint most) {
	float sum = 0.0;
#if QUADS == 1
	for (uint i = 0u; i < RUN / 4u; i++) sum += dot(vec4(v[4u * i], v[4u * i + 1u], v[4u * i + 2u], v[4u * i + 3u]), quads[at / 4u + i]);
#elif BLOCK == 1
	for (uint i = 0u; i < RUN; i++) if (i < most) sum += v[i] * x[at + i];
#else
	for (uint i = 0u; i < RUN; i++) sum += v[i] * x[at + i];
#endif
	return sum;
}

void main() {
#ifdef CLUSTERS
	uint t = gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID, lane = t % LANES;
#else
	uint t = gl_LocalInvocationID.x, lane = t % LANES;
#endif
	uint rows = uint(p[0]), cols = uint(p[1]), runs = (cols + RUN - 1u) / RUN, mine = rows >> GATED;
	int expert = 0, first = int(gl_WorkGroupID.y) * FEW, count = min(FEW, p[7] - first);
	int from = p[5], to = p[3] + p[8];
	if (p[11] == EXPERTS) {
		int tile = p[14] + 3 * int(gl_WorkGroupID.y);
		expert = choice[tile] - p[12];
		first = choice[tile + 1];
		count = choice[tile + 2];
	} else if (p[11] == HEADS) {
		expert = int(gl_WorkGroupID.z) - p[12];
		from += int(gl_WorkGroupID.z) * p[15];
		to += int(gl_WorkGroupID.z) * p[16];
	}
	if (p[11] != PLAIN && (expert < 0 || expert >= p[13])) return;
	for (uint tile = gl_WorkGroupID.x + uint(p[20]); tile < uint(p[21]); tile += gl_NumWorkGroups.x) {
		uint r = tile * ROWS + t / LANES;
		for (uint part = 0u; part <= GATED; part++) {
			for (int n = 0; n < count; n++) sums[part][n][t] = 0.0;
			if (r >= mine) continue;
			uint row = (uint(expert) * rows + r + part * mine) * uint(p[2]);
			for (uint run = lane; run < runs; run += LANES) {
				float v[32];
				unpack(row, run, cols, v);
				for (int n = 0; n < count; n++)
					sums[part][n][t] += product(v, uint(from + (first + n) * p[6]) + run * RUN, min(RUN, cols - run * RUN));
			}
		}
		int n = int(lane); // each of the first lanes has the sum of all lanes for one row of x
		float sum[1 + GATED];
#ifdef CLUSTERS
		for (int i = 0; i < count; i++) for (uint part = 0u; part <= GATED; part++) {
			float all = subgroupClusteredAdd(sums[part][i][t], LANES);
			if (i == n) sum[part] = all;
		}
#else
		SYNC;
		if (n < count && r < mine) for (uint part = 0u; part <= GATED; part++) {
			sum[part] = 0.0;
			for (uint k = t - lane; k < t - lane + LANES; k++) sum[part] += sums[part][n][k];
		}
		SYNC;
#endif
		if (n < count && r < mine) {
			if (p[10] == 1) for (uint part = 0u; part <= GATED; part++) sum[part] += bias[uint(expert + p[12]) * uint(p[17]) + uint(p[18]) + r + part * mine];
			int at = to + (first + n) * p[4] + int(r);
#if GATED == 1
			dst[at] = gated(p[19], sum[0], sum[1]);
#else
			dst[at] = p[9] == 1 ? dst[at] + sum[0] : sum[0];
#endif
		}
	}
}
