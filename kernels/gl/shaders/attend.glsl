// Attention of rows of queries to keys and values in the pages of a layer. A work group takes one item (x), some neighbouring rows and a
// range of keys whose pages lie in this slab, and some heads (y) that share a head of keys, so that it reads those once for SLOTS queries. It takes 64
// keys at a time: each invocation computes the scores of one of them, and then PAIRS pairs of dimensions of the sums of their values. The
// softmax is a running one (Milakov and Gimelshein, arXiv:1805.02867; Dao et al., arXiv:2205.14135).
//
// OPTION is PAIRS, 100 more if keys and values are float32 instead of float16, and 1000 times SLOTS, 4 at most.
#define PAIRS (OPTION % 100)
#define EXACT (OPTION / 100 % 10)
#define SLOTS (OPTION / 1000)

layout(std430, binding = 0) readonly buffer Pages { uint pages[]; };
layout(std430, binding = 1) readonly buffer Q { float q[]; };
layout(std430, binding = 2) buffer Dst { float dst[]; };
layout(std430, binding = 3) readonly buffer Table { int table[]; };
layout(std430, binding = 4) readonly buffer Slopes { float slopes[]; };
layout(std430, binding = 5) readonly buffer Sinks { float sinks[]; };
layout(std430, binding = 6) readonly buffer Wide { uvec4 wide[]; }; // the pages

// p: 0 heads, 1 heads of keys, 2 dimensions of a key, 3 of a value, 4 keyWords, 5 words of a value, 6 words of a head at one position,
// 7 first word of the values of a head (in 256ths), 8 and 9 begin and stride of q, 10 and 11 of dst, 12 scale, 13 soft cap (0: none),
// 14 there are slopes, 15 there are sinks, 16 items, 17 place of the items, 18 direct: dst is the result, not a part of one, 19 heads of a work group
//
// An item is 10 numbers: first row, its position, first key, last key + 1, place of the page numbers (for page 0), factor of the scores, the number of
// its part for the first row, the number of rows, the distance of the parts of the next row, and 1 if a row sees no keys behind its own. A part is, for each head, the greatest score, the sum, and the weighted sum of the values.

shared float query[1024]; // [SLOTS][dimensions of a key, rounded up]
shared vec4 score[LOCAL];
shared vec4 slots[LOCAL];
shared uint place[LOCAL]; // first words of the values of the keys

#ifdef SUBGROUPS
// addEach and maxEach are subgroupAdd and subgroupMax of each component that is a slot's.
vec4 addEach(vec4 v) {
	for (int g = 0; g < SLOTS; g++) v[g] = subgroupAdd(v[g]);
	return v;
}

vec4 maxEach(vec4 v) {
	for (int g = 0; g < SLOTS; g++) v[g] = subgroupMax(v[g]);
	return v;
}
#endif

OVER_GROUP(vec4, totals, slots, PLUS, addEach)
OVER_GROUP(vec4, greatests, slots, max, maxEach)

// exponentials is exponential of each component that is a slot's.
vec4 exponentials(vec4 v) {
	for (int g = 0; g < SLOTS; g++) v[g] = exponential(v[g]);
	return v;
}

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
	uint t = gl_LocalInvocationID.x;
	int shared_by = p[0] / p[1], bundles = (shared_by + p[19] - 1) / p[19], group = int(gl_WorkGroupID.y) / bundles;
	int bundle = int(gl_WorkGroupID.y) % bundles, first = group * shared_by + bundle * p[19], count = min(p[19], shared_by - bundle * p[19]);
	uint words = uint(p[3] + 1) / 2u, width = uint((EXACT == 1 ? 1 : 2) * p[4]);
	for (int n = int(gl_WorkGroupID.x); n < p[16]; n += int(gl_NumWorkGroups.x)) {
		int item = p[17] + 10 * n, row = table[item], hi = table[item + 3], rows = table[item + 7];
		SYNC;
		for (uint k = t; k < width * SLOTS; k += LOCAL) {
			int g = int(k / width), h = g % p[19], r = g / p[19];
			uint d = k % width;
			query[k] = d < uint(p[2]) && h < count && r < rows ? q[uint(p[8] + (row + r) * p[9] + (first + h) * p[2]) + d] * (real(12) * intBitsToFloat(table[item + 5])) : 0.0;
		}
		SYNC;
		vec4 top = vec4(LOW), sum = vec4(0.0);
		vec2 acc[SLOTS][PAIRS];
		for (int g = 0; g < SLOTS; g++) for (int i = 0; i < PAIRS; i++) acc[g][i] = vec2(0.0);
		for (int key = table[item + 2]; key < hi; key += LOCAL) {
			int mine = key + int(t);
			vec4 s = vec4(LOW);
			if (mine < hi) {
				uint at = page(item, mine, group);
				place[t] = at + uint(p[7] * 256 + mine % 256 * p[5]);
				at += uint(mine % 256 * p[4]);
				s = vec4(0.0);
				for (uint i = 0u; i < uint(p[4]) / 4u; i++) {
					uvec4 u = wide[at / 4u + i];
#if EXACT == 1
					vec4 f = uintBitsToFloat(u);
					for (int g = 0; g < SLOTS; g++) {
						uint k = uint(g) * width + 4u * i;
						s[g] += query[k] * f.x + query[k + 1u] * f.y + query[k + 2u] * f.z + query[k + 3u] * f.w;
					}
#else
					vec2 a = unpackHalf2x16(u.x), b = unpackHalf2x16(u.y), c = unpackHalf2x16(u.z), d = unpackHalf2x16(u.w);
					for (int g = 0; g < SLOTS; g++) {
						uint k = uint(g) * width + 8u * i;
						s[g] += query[k] * a.x + query[k + 1u] * a.y + query[k + 2u] * b.x + query[k + 3u] * b.y +
							query[k + 4u] * c.x + query[k + 5u] * c.y + query[k + 6u] * d.x + query[k + 7u] * d.y;
					}
#endif
				}
				for (int g = 0; g < SLOTS; g++) {
					if (real(13) > 0.0) s[g] = real(13) * hyperbolic(s[g] / real(13));
					int h = g % p[19], at = table[item + 1] + g / p[19];
					if (p[14] == 1 && h < count) s[g] -= slopes[first + h] * float(abs(at - mine));
					if (table[item + 9] == 1 && mine > at) s[g] = LOW;
				}
			}
			vec4 greater = max(top, greatests(s)), shrink = exponentials(top - greater);
			vec4 e = exponentials(s - greater);
			for (int g = 0; g < SLOTS; g++) if (s[g] == LOW) e[g] = 0.0;
			top = greater;
			score[t] = e;
			sum = sum * shrink + totals(e);
			for (int g = 0; g < SLOTS; g++) for (int i = 0; i < PAIRS; i++) acc[g][i] *= shrink[g];
			int keys = min(LOCAL, hi - key);
			for (int k = 0; k < keys; k++) {
				uint at = place[k];
				vec4 factor = score[k];
				for (uint i = 0u; i < PAIRS; i++) {
					uint word = t + i * LOCAL;
					if (word >= words) continue;
					vec2 v = pair(at, word);
					for (int g = 0; g < SLOTS; g++) acc[g][i] += factor[g] * v;
				}
			}
			SYNC;
		}
		for (int g = 0; g < SLOTS; g++) {
			int h = first + g % p[19], r = g / p[19];
			if (g % p[19] >= count || r >= rows) continue;
			uint to = uint(p[10]);
			float factor = 1.0;
			if (p[18] == 1) {
				to += uint((row + r) * p[11] + h * p[3]);
				float sink = p[15] == 1 ? sinks[h] : LOW, most = max(top[g], sink);
				float all = sum[g] * exponential(top[g] - most) + (p[15] == 1 ? exponential(sink - most) : 0.0);
				factor = sum[g] > 0.0 ? exponential(top[g] - most) / all : 0.0;
			} else {
				to += uint(((table[item + 6] + r * table[item + 8]) * p[0] + h) * (p[3] + 2));
				if (t == 0u) {
					dst[to] = top[g];
					dst[to + 1u] = sum[g];
				}
				to += 2u;
			}
			for (uint i = 0u; i < PAIRS; i++) {
				uint d = 2u * (t + i * LOCAL);
				if (d < uint(p[3])) dst[to + d] = acc[g][i].x * factor;
				if (d + 1u < uint(p[3])) dst[to + d + 1u] = acc[g][i].y * factor;
			}
		}
	}
}
