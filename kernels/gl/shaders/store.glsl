// Writes rows of keys and values to the pages of a layer, as float16. In a latent layer, valueWords is 0: only keys are stored.
layout(std430, binding = 0) buffer Pages { uint pages[]; };
layout(std430, binding = 1) readonly buffer K { float k[]; };
layout(std430, binding = 2) readonly buffer V { float v[]; };
layout(std430, binding = 3) readonly buffer Table { int rows[]; }; // for each row: its number, its place: page · 256 + position

// p: 0 rows, 1 heads, 2 dimensions of a key, 3 of a value, 4 keyWords, 5 valueWords, 6 place of the table, 7 and 8 begin and stride
// of k, 9 and 10 of v

void main() {
	int each = p[4] + p[5], words = p[1] * each;
	uint n = uint(p[0]) * uint(words);
	for (uint i = gl_GlobalInvocationID.x; i < n; i += gl_NumWorkGroups.x * LOCAL) {
		int at = p[6] + 2 * (int(i) / words), j = int(i) % each, head = int(i) % words / each;
		int row = rows[at], place = rows[at + 1];
		int to = place / 256 * words * 256 + head * each * 256;
		vec2 pair = vec2(0.0);
		if (j < p[4]) {
			int from = p[7] + row * p[8] + head * p[2] + 2 * j;
			if (2 * j < p[2]) pair.x = k[from];
			if (2 * j + 1 < p[2]) pair.y = k[from + 1];
			to += place % 256 * p[4] + j;
		} else {
			j -= p[4];
			int from = p[9] + row * p[10] + head * p[3] + 2 * j;
			if (2 * j < p[3]) pair.x = v[from];
			if (2 * j + 1 < p[3]) pair.y = v[from + 1];
			to += 256 * p[4] + place % 256 * p[5] + j;
		}
		pages[to] = packHalf2x16(pair);
	}
}
