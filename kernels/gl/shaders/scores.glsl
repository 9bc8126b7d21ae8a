// Writes scale·q·k of one head for keys in the pages of a slab. A work group takes one item: row, first key, last key + 1, place of
// the page numbers (for page 0). OPTION is 1 if keys are float32.
layout(std430, binding = 0) readonly buffer Pages { uint pages[]; };
layout(std430, binding = 1) readonly buffer Q { float q[]; };
layout(std430, binding = 2) buffer Dst { float dst[]; };
layout(std430, binding = 3) readonly buffer Table { int table[]; };

// p: 0 heads of keys, 1 head of keys, 2 dimensions, 3 keyWords, 4 words of a head at one position, 5 and 6 begin and stride of q,
// 7 and 8 of dst, 9 items, 10 place of the items

void main() {
	for (int n = int(gl_WorkGroupID.x); n < p[9]; n += int(gl_NumWorkGroups.x)) {
		int item = p[10] + 4 * n, row = table[item], hi = table[item + 2];
		for (int key = table[item + 1] + int(gl_LocalInvocationID.x); key < hi; key += LOCAL) {
			uint at = uint(table[table[item + 3] + key / 256] * p[0] + p[1]) * uint(p[4]) * 256u + uint(key % 256 * p[3]);
			uint from = uint(p[5] + row * p[6]);
			float s = 0.0;
			for (uint d = 0u; d < uint(p[2]); d++) {
#if OPTION == 1
				s += q[from + d] * uintBitsToFloat(pages[at + d]);
#else
				vec2 pair = unpackHalf2x16(pages[at + d / 2u]);
				s += q[from + d] * (d % 2u == 0u ? pair.x : pair.y);
#endif
			}
			dst[uint(p[7] + row * p[8] + key)] = s;
		}
	}
}
