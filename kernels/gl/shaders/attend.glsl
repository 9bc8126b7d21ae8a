// Attention of rows of queries to keys and values in the pages of a layer. A work group takes one head (y) of one item (x): a row and a
// range of keys whose pages lie in this slab. It takes 64 keys at a time: each invocation computes the score of one of them, and
// then PAIRS pairs of dimensions of the sum of their values. The softmax is a running one (Milakov and Gimelshein, arXiv:1805.02867;
// Dao et al., arXiv:2205.14135).
//
// OPTION is PAIRS, and 100 more if keys and values are float32 instead of float16.
#define PAIRS (OPTION % 100)
#define EXACT (OPTION / 100)

layout(std430, binding = 0) readonly buffer Pages { uint pages[]; };
layout(std430, binding = 1) readonly buffer Q { float q[]; };
layout(std430, binding = 2) buffer Dst { float dst[]; };
layout(std430, binding = 3) readonly buffer Table { int table[]; };
layout(std430, binding = 4) readonly buffer Slopes { float slopes[]; };
layout(std430, binding = 5) readonly buffer Sinks { float sinks[]; };
layout(std430, binding = 6) readonly buffer Wide { uvec4 wide[]; }; // the pages

// p: 0 heads, 1 heads of keys, 2 dimensions of a key, 3 of a value, 4 keyWords, 5 words of a value, 6 words of a head at one position,
// 7 first word of the values of a head (in 256ths), 8 and 9 begin and stride of q, 10 and 11 of dst, 12 scale, 13 soft cap (0: none),
// 14 there are slopes, 15 there are sinks, 16 items, 17 place of the items, 18 direct: dst is the result, not a part of one
//
// An item is 7 numbers: row, position, first key, last key + 1, place of the page numbers (for page 0), factor of the scores, and
// the number of its part. A part is, for each head, the greatest score, the sum, and the weighted sum of the values.

shared float query[1024];
shared float score[LOCAL];
shared uint place[LOCAL]; // first words of the values of the keys

// page returns the first word of what a head has at the page of a key.
uint page(int item, int key, int head) {
	return uint(table[table[item + 4] + key / 256] * p[1] + head) * uint(p[6]) * 256u;
}

// pair returns two neighbouring dimensions of a value.
vec2 pair(uint at, uint i) {
#if EXACT == 1
	return uintBitsToFloat(uvec2(pages[at + 2u * i], pages[at + 2u * i + 1u]));
#else
	return unpackHalf2x16(pages[at + i]);
#endif
}

void main() {
	uint t = gl_LocalInvocationID.x, h = gl_WorkGroupID.y;
	int group = int(h) / (p[0] / p[1]);
	uint words = uint(p[3] + 1) / 2u;
	for (int n = int(gl_WorkGroupID.x); n < p[16]; n += int(gl_NumWorkGroups.x)) {
		int item = p[17] + 7 * n, row = table[item], hi = table[item + 3];
		SYNC;
		for (uint d = t; d < uint((EXACT == 1 ? 1 : 2) * p[4]); d += LOCAL)
			query[d] = d < uint(p[2]) ? q[uint(p[8] + row * p[9]) + h * uint(p[2]) + d] * (real(12) * intBitsToFloat(table[item + 5])) : 0.0;
		SYNC;
		float top = LOW, sum = 0.0;
		vec2 acc[PAIRS];
		for (int i = 0; i < PAIRS; i++) acc[i] = vec2(0.0);
		for (int key = table[item + 2]; key < hi; key += LOCAL) {
			int mine = key + int(t);
			float s = LOW;
			if (mine < hi) {
				uint at = page(item, mine, group);
				place[t] = at + uint(p[7] * 256 + mine % 256 * p[5]);
				at += uint(mine % 256 * p[4]);
				s = 0.0;
				for (uint i = 0u; i < uint(p[4]) / 4u; i++) {
					uvec4 u = wide[at / 4u + i];
#if EXACT == 1
					vec4 f = uintBitsToFloat(u);
					s += query[4u * i] * f.x + query[4u * i + 1u] * f.y + query[4u * i + 2u] * f.z + query[4u * i + 3u] * f.w;
#else
					vec2 a = unpackHalf2x16(u.x), b = unpackHalf2x16(u.y), c = unpackHalf2x16(u.z), d = unpackHalf2x16(u.w);
					s += query[8u * i] * a.x + query[8u * i + 1u] * a.y + query[8u * i + 2u] * b.x + query[8u * i + 3u] * b.y +
						query[8u * i + 4u] * c.x + query[8u * i + 5u] * c.y + query[8u * i + 6u] * d.x + query[8u * i + 7u] * d.y;
#endif
				}
				if (real(13) > 0.0) s = real(13) * hyperbolic(s / real(13));
				if (p[14] == 1) s -= slopes[h] * float(abs(table[item + 1] - mine));
			}
			float greater = max(top, greatest(s)), shrink = exponential(top - greater), e = mine < hi ? exponential(s - greater) : 0.0;
			top = greater;
			score[t] = e;
			sum = sum * shrink + total(e);
			for (int i = 0; i < PAIRS; i++) acc[i] *= shrink;
			int keys = min(LOCAL, hi - key);
			for (int k = 0; k < keys; k++) {
				uint at = place[k];
				for (uint i = 0u; i < PAIRS; i++) {
					uint word = t + i * LOCAL;
					if (word < words) acc[i] += score[k] * pair(at, word);
				}
			}
			SYNC;
		}
		uint to = uint(p[10]);
		float factor = 1.0;
		if (p[18] == 1) {
			to += uint(row * p[11]) + h * uint(p[3]);
			float sink = p[15] == 1 ? sinks[h] : LOW, most = max(top, sink);
			float all = sum * exponential(top - most) + (p[15] == 1 ? exponential(sink - most) : 0.0);
			factor = sum > 0.0 ? exponential(top - most) / all : 0.0;
		} else {
			to += (uint(table[item + 6]) * uint(p[0]) + h) * uint(p[3] + 2);
			if (t == 0u) {
				dst[to] = top;
				dst[to + 1u] = sum;
			}
			to += 2u;
		}
		for (uint i = 0u; i < PAIRS; i++) {
			uint d = 2u * (t + i * LOCAL);
			if (d < uint(p[3])) dst[to + d] = acc[i].x * factor;
			if (d + 1u < uint(p[3])) dst[to + d + 1u] = acc[i].y * factor;
		}
	}
}
