// Writes rows of keys and values to the pages of a layer: as float16, two in a word, or with OPTION 1 as float32. In a latent layer,
// valueWords is 0: only keys are stored.
layout(std430, binding = 0) buffer Pages { uint pages[]; };
layout(std430, binding = 1) readonly buffer K { float k[]; };
layout(std430, binding = 2) readonly buffer V { float v[]; };
layout(std430, binding = 3) readonly buffer Table { int rows[]; }; // for each row: its number, its place: page · 256 + position

// p: 0 rows, 1 heads, 2 dimensions of a key, 3 of a value, 4 keyWords, 5 valueWords, 6 place of the table, 7 and 8 begin and stride
// of k, 9 and 10 of v

// keyAt and valueAt return a dimension of a head; the dimensions behind the last are zeros.
float keyAt(int row, int head, int d) { return d < p[2] ? k[p[7] + row * p[8] + head * p[2] + d] : 0.0; }
float valueAt(int row, int head, int d) { return d < p[3] ? v[p[9] + row * p[10] + head * p[3] + d] : 0.0; }

#if OPTION == 1
#define WORD(AT, J) floatBitsToUint(AT(row, head, J))
#else
#define WORD(AT, J) packHalf2x16(vec2(AT(row, head, 2 * (J)), AT(row, head, 2 * (J) + 1)))
#endif

void main() {
	int each = p[4] + p[5], words = p[1] * each;
	uint n = uint(p[0]) * uint(words);
	for (uint i = gl_GlobalInvocationID.x; i < n; i += gl_NumWorkGroups.x * LOCAL) {
		int at = p[6] + 2 * (int(i) / words), j = int(i) % each, head = int(i) % words / each;
		int row = rows[at], place = rows[at + 1];
		int to = place / 256 * words * 256 + head * each * 256;
		if (j < p[4]) pages[to + place % 256 * p[4] + j] = WORD(keyAt, j);
		else pages[to + 256 * p[4] + place % 256 * p[5] + j - p[4]] = WORD(valueAt, j - p[4]);
	}
}
