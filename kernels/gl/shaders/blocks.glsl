// Weights in blocks of the formats of package kernels/quant, which has the drawings of the blocks. TYPE is the format, BLOCK the
// number of values in a block, BYTES its size.
layout(std430, binding = 0) readonly buffer Weights { uint w[]; };
layout(std430, binding = 1) readonly buffer Grid { uint grid[]; };

#define RUN 32u // values that are unpacked at once

uint u8(uint at) { return w[at >> 2] >> ((at & 3u) * 8u) & 255u; }

// u16 reads a number at an even place.
uint u16(uint at) { return w[at >> 2] >> ((at & 2u) * 8u) & 65535u; }

// u32 reads a number at any place; where blocks are whole words, every format has its numbers at multiples of 4.
#if BLOCK > 1 && BYTES % 4 == 0
uint u32(uint at) { return w[at >> 2]; }
#else
uint u32(uint at) {
	uint i = at >> 2, s = (at & 3u) * 8u;
	return w[i] >> s | w[i + 1u] << 1 << (31u - s);
}
#endif

float f16(uint at) { return unpackHalf2x16(u16(at)).x; }

// entry returns entry i of the grid, which has 16 bits.
uint entry(uint i) { return grid[i >> 1] >> ((i & 1u) * 16u) & 65535u; }

int signed8(uint q) { return bitfieldExtract(int(q), 0, 8); }

// signs8 returns the eight signs for which a format stores seven bits: the number of negative ones is even.
uint signs8(uint seven) { seven &= 127u; return seven | uint(bitCount(seven) & 1) << 7; }

float withSign(uint signs, int bit, float x) { return (signs >> bit & 1u) == 1u ? -x : x; }

const int linear4[16] = int[16](-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
const int e2m1[16] = int[16](0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

#if TYPE == Q4_K || TYPE == Q5_K
// scaleMin returns the scale and the minimum of run r, multiplied by d and dmin.
vec2 scaleMin(uint at, uint r) {
	uint sc, mn;
	if (r < 4u) {
		sc = u8(at + 4u + r) & 63u;
		mn = u8(at + 8u + r) & 63u;
	} else {
		uint both = u8(at + 8u + r);
		sc = both & 15u | u8(at + r) >> 6 << 4;
		mn = both >> 4 | u8(at + 4u + r) >> 6 << 4;
	}
	return vec2(f16(at) * float(sc), f16(at + 2u) * float(mn));
}
#endif

// unpack writes the values of a run, 32 neighbours, to v. row is the place of the row in bytes. Values behind the last of
// cols are zeros; only formats of single values have rows that are not whole runs.
void unpack(uint row, uint run, uint cols, out float v[32]) {
#if TYPE == F32
	for (uint i = 0u; i < RUN; i++) v[i] = run * RUN + i < cols ? uintBitsToFloat(w[(row >> 2) + run * RUN + i]) : 0.0;
#elif TYPE == F16 || TYPE == BF16
	for (uint i = 0u; i < RUN; i++) {
		uint k = run * RUN + i;
		if (k >= cols) {
			v[i] = 0.0;
			continue;
		}
#if TYPE == F16
		v[i] = f16(row + 2u * k);
#else
		v[i] = uintBitsToFloat(u16(row + 2u * k) << 16);
#endif
	}
#else
	const uint RUNS = uint(BLOCK) / RUN; // in a block
	uint at = row + run / RUNS * uint(BYTES), r = run % RUNS;
#if TYPE == Q8_0
	float d = f16(at);
	for (uint i = 0u; i < 8u; i++) {
		int q = int(u32(at + 2u + 4u * i));
		for (int j = 0; j < 4; j++) v[4u * i + uint(j)] = d * float(bitfieldExtract(q, 8 * j, 8));
	}
#elif TYPE == Q2_K || TYPE == TQ2_0
	uint qs = at + (TYPE == Q2_K ? 16u : 0u) + r / 4u * 32u;
	int shift = int(r % 4u) * 2;
#if TYPE == Q2_K
	float d = f16(at + 80u), dmin = f16(at + 82u);
	uint a = u8(at + 2u * r), b = u8(at + 2u * r + 1u);
	vec2 scale = d * vec2(a & 15u, b & 15u), least = dmin * vec2(a >> 4, b >> 4);
#else
	vec2 scale = vec2(f16(at + 64u)), least = scale;
#endif
	for (uint i = 0u; i < 8u; i++) {
		uint q = u32(qs + 4u * i) >> shift;
		for (uint j = 0u; j < 4u; j++) v[4u * i + j] = scale[i / 4u] * float(q >> (8u * j) & 3u) - least[i / 4u];
	}
#elif TYPE == Q3_K
	float d = f16(at + 108u);
	float scale[2];
	for (uint k = 0u; k < 2u; k++) {
		uint run16 = 2u * r + k;
		uint sc = u8(at + 96u + run16 % 8u) >> (run16 / 8u * 4u) & 15u | (u8(at + 104u + run16 % 4u) >> (run16 / 4u * 2u) & 3u) << 4;
		scale[k] = d * float(int(sc) - 32);
	}
	for (uint i = 0u; i < 8u; i++) {
		uint q = u32(at + 32u + r / 4u * 32u + 4u * i) >> (r % 4u * 2u), h = u32(at + 4u * i) >> r;
		for (uint j = 0u; j < 4u; j++)
			v[4u * i + j] = scale[i / 4u] * float(int(q >> (8u * j) & 3u | (h >> (8u * j) & 1u) << 2) - 4);
	}
#elif TYPE == Q4_K || TYPE == Q5_K
	vec2 sm = scaleMin(at, r);
	for (uint i = 0u; i < 8u; i++) {
#if TYPE == Q4_K
		uint q = u32(at + 16u + r / 2u * 32u + 4u * i) >> (r % 2u * 4u) & 0x0f0f0f0fu;
#else
		uint q = u32(at + 48u + r / 2u * 32u + 4u * i) >> (r % 2u * 4u) & 0x0f0f0f0fu;
		q |= (u32(at + 16u + 4u * i) >> r & 0x01010101u) << 4;
#endif
		for (uint j = 0u; j < 4u; j++) v[4u * i + j] = sm.x * float(q >> (8u * j) & 255u) - sm.y;
	}
#elif TYPE == Q6_K
	float d = f16(at + 208u);
	vec2 scale = d * vec2(signed8(u8(at + 192u + 2u * r)), signed8(u8(at + 193u + 2u * r)));
	uint low = at + r / 4u * 64u + r % 2u * 32u, high = at + 128u + r / 4u * 32u;
	for (uint i = 0u; i < 8u; i++) {
		uint q = u32(low + 4u * i) >> (r % 4u / 2u * 4u) & 0x0f0f0f0fu;
		q |= (u32(high + 4u * i) >> (r % 4u * 2u) & 0x03030303u) << 4;
		for (uint j = 0u; j < 4u; j++) v[4u * i + j] = scale[i / 4u] * float(int(q >> (8u * j) & 255u) - 32);
	}
#elif TYPE == IQ1_S || TYPE == IQ1_M
	for (uint i = 0u; i < 4u; i++) { // eight values
#if TYPE == IQ1_S
		uint h = u16(at + 34u + 2u * r);
		float scale = f16(at) * float(2u * (h >> 12 & 7u) + 1u);
		uint e = entry(u8(at + 2u + 4u * r + i) | (h >> (3u * i) & 7u) << 8);
		float delta = (h >> 15) == 1u ? -0.125 : 0.125;
#else
		uint d = 0u;
		for (uint k = 0u; k < 4u; k++) d |= u16(at + 48u + 2u * k) >> 12 << (4u * k);
		uint run16 = 2u * r + i / 2u;
		float scale = unpackHalf2x16(d).x * float(2u * (u16(at + 48u + run16 / 4u * 2u) >> (run16 % 4u * 3u) & 7u) + 1u);
		uint eight = 4u * r + i, h = u8(at + 32u + eight / 2u) >> (eight % 2u * 4u);
		uint e = entry(u8(at + eight) | (h & 7u) << 8);
		float delta = (h & 8u) != 0u ? -0.125 : 0.125;
#endif
		for (uint j = 0u; j < 8u; j++) v[8u * i + j] = scale * (float(int(e >> (2u * j) & 3u) - 1) + delta);
	}
#elif TYPE == IQ2_XXS || TYPE == IQ2_XS || TYPE == IQ2_S
	float d = f16(at) * 0.25;
	for (uint i = 0u; i < 4u; i++) { // eight values
		uint eight = 4u * r + i;
#if TYPE == IQ2_XXS
		uint extra = u32(at + 6u + 8u * r);
		uint e = entry(u8(at + 2u + 8u * r + i)), signs = signs8(extra >> (7u * i));
		float scale = d * (0.5 + float(extra >> 28));
#else
#if TYPE == IQ2_XS
		uint q = u16(at + 2u + 2u * eight);
		uint e = entry(q & 511u), signs = signs8(q >> 9);
		uint sc = u8(at + 66u + r);
#else
		uint e = entry(u8(at + 2u + eight) | (u8(at + 66u + eight / 4u) >> (eight % 4u * 2u) & 3u) << 8);
		uint signs = u8(at + 34u + eight);
		uint sc = u8(at + 74u + r);
#endif
		float scale = d * (0.5 + float(sc >> (i / 2u * 4u) & 15u));
#endif
		for (int j = 0; j < 8; j++) {
			uint g = e >> (2 * j) & 3u;
			v[8u * i + uint(j)] = withSign(signs, j, scale * (g == 0u ? 8.0 : g == 1u ? 25.0 : 43.0));
		}
	}
#elif TYPE == IQ3_XXS || TYPE == IQ3_S
	float d = f16(at);
	for (uint i = 0u; i < 8u; i++) { // four values
#if TYPE == IQ3_XXS
		uint extra = u32(at + 66u + 4u * r);
		uint e = entry(u8(at + 2u + 8u * r + i)), signs = signs8(extra >> (7u * (i / 2u))) >> (i % 2u * 4u);
		float scale = d * (0.5 + float(extra >> 28)) * 0.5;
#else
		uint e = entry(u8(at + 2u + 8u * r + i) | (u8(at + 66u + r) >> i & 1u) << 8);
		uint signs = u8(at + 74u + 4u * r + i / 2u) >> (i % 2u * 4u);
		float scale = d * float(1u + 2u * (u8(at + 106u + r / 2u) >> (r % 2u * 4u) & 15u));
#endif
		for (int j = 0; j < 4; j++) {
			uint g = e >> (3 * j) & 7u;
#if TYPE == IQ3_XXS
			float size = g == 7u ? 62.0 : float(4u + 8u * g);
#else
			float size = float(1u + 2u * g);
#endif
			v[4u * i + uint(j)] = withSign(signs, j, scale * size);
		}
	}
#elif TYPE == TQ1_0
	const uint power[5] = uint[5](1u, 3u, 9u, 27u, 81u);
	float d = f16(at + 52u);
	for (uint i = 0u; i < 8u; i++) { // four values of the same digit
		uint k = 32u * r + 4u * i, from = at + 4u * i, digit = r;
		if (k >= 240u) {
			from = at + 48u;
			digit = i - 4u;
		} else if (k >= 160u) {
			from = at + 32u + k % 16u;
			digit = (k - 160u) / 16u;
		}
		uint q = u32(from);
		for (uint j = 0u; j < 4u; j++) v[4u * i + j] = d * (float(((q >> (8u * j) & 255u) * power[digit] & 255u) * 3u >> 8) - 1.0);
	}
#elif TYPE == NVFP4
	for (uint k = 0u; k < 2u; k++) { // a run of 16 values
		uint run16 = 2u * r + k, x = u8(at + run16) & 127u, e = x >> 3, m = x & 7u;
		float d = x == 127u ? 0.0 : e == 0u ? float(m) * exp2(-10.0) : float(8u + m) * exp2(float(e) - 11.0);
		for (uint i = 0u; i < 2u; i++) {
			uint q = u32(at + 4u + 8u * run16 + 4u * i);
			for (uint j = 0u; j < 4u; j++) {
				v[16u * k + 4u * i + j] = d * float(e2m1[q >> (8u * j) & 15u]);
				v[16u * k + 8u + 4u * i + j] = d * float(e2m1[q >> (8u * j + 4u) & 15u]);
			}
		}
	}
#else
	// 16 bytes: byte i has value i in its low nibble and value i+16 in its high one.
#if TYPE == Q4_0 || TYPE == IQ4_NL
	float d = f16(at);
	uint qs = at + 2u;
#elif TYPE == Q4_1 || TYPE == Q5_1
	float d = f16(at), least = f16(at + 2u);
	uint qs = at + (TYPE == Q4_1 ? 4u : 8u);
	uint high = TYPE == Q5_1 ? u32(at + 4u) : 0u;
#elif TYPE == Q5_0
	float d = f16(at);
	uint qs = at + 6u, high = u32(at + 2u);
#elif TYPE == MXFP4
	uint e = u8(at);
	float d = uintBitsToFloat(e < 2u ? 0x00200000u << e : (e - 1u) << 23);
	uint qs = at + 1u;
#elif TYPE == IQ4_XS
	uint sc = u8(at + 4u + r / 2u) >> (r % 2u * 4u) & 15u | (u16(at + 2u) >> (2u * r) & 3u) << 4;
	float d = f16(at) * float(int(sc) - 32);
	uint qs = at + 8u + 16u * r;
#endif
	for (uint i = 0u; i < 4u; i++) {
		uint q = u32(qs + 4u * i);
		for (uint j = 0u; j < 4u; j++) {
			uint a = q >> (8u * j) & 15u, b = q >> (8u * j + 4u) & 15u, k = 4u * i + j;
#if TYPE == Q4_0
			v[k] = d * float(int(a) - 8);
			v[k + 16u] = d * float(int(b) - 8);
#elif TYPE == Q4_1
			v[k] = d * float(a) + least;
			v[k + 16u] = d * float(b) + least;
#elif TYPE == Q5_0
			v[k] = d * float(int(a | (high >> k & 1u) << 4) - 16);
			v[k + 16u] = d * float(int(b | (high >> (k + 16u) & 1u) << 4) - 16);
#elif TYPE == Q5_1
			v[k] = d * float(a | (high >> k & 1u) << 4) + least;
			v[k + 16u] = d * float(b | (high >> (k + 16u) & 1u) << 4) + least;
#elif TYPE == MXFP4
			v[k] = d * float(e2m1[a]);
			v[k + 16u] = d * float(e2m1[b]);
#else
			v[k] = d * float(linear4[a]);
			v[k + 16u] = d * float(linear4[b]);
#endif
		}
	}
#endif
#endif
}
