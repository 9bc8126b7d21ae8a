// Writes rows of keys and values to the pages of a layer: as float16, two in a word, or with OPTION 1 as float32. In a latent layer,
// valueWords is 0: only keys are stored. With OPTION 2 the heads of keys, and those of the same tensor that are no keys, are rotated in place before, as
// in move.glsl.
layout(std430, binding = 0) buffer Pages { uint pages[]; };
layout(std430, binding = 1) buffer K { float k[]; };
layout(std430, binding = 2) readonly buffer V { float v[]; };
layout(std430, binding = 3) readonly buffer Table { int rows[]; }; // for each row: its number, its place: page · 256 + position
layout(std430, binding = 4) readonly buffer Angles { float angles[]; }; // cosines and sines

// p: 0 rows, 1 heads, 2 dimensions of a key, 3 of a value, 4 keyWords, 5 valueWords, 6 place of the table, 7 and 8 begin and stride
// of k, 9 and 10 of v; for OPTION 2: 11 pairs, 12 first rotated dimension, 13 pairs are neighbours, 14 and 15 begin and stride of the angles,
// 16 heads that are no keys, 17 how many of them lie before the keys

// keyAt and valueAt return a dimension of a head; the dimensions behind the last are zeros.
float keyAt(int row, int head, int d) { return d < p[2] ? k[p[7] + row * p[8] + head * p[2] + d] : 0.0; }
float valueAt(int row, int head, int d) { return d < p[3] ? v[p[9] + row * p[10] + head * p[3] + d] : 0.0; }

#if OPTION == 1
#define WORD(AT, J) floatBitsToUint(AT(row, head, J))
#else
#define WORD(AT, J) packHalf2x16(vec2(AT(row, head, 2 * (J)), AT(row, head, 2 * (J) + 1)))
#endif

#if OPTION == 2
// rotate rotates pair i of the head that begins at k[head].
void rotate(int row, int head, int i) {
	int a = head + p[12] + (p[13] == 1 ? 2 * i : i), b = p[13] == 1 ? a + 1 : a + p[11];
	float u = k[a], v = k[b], cosine = angles[p[14] + row * p[15] + 2 * i], sine = angles[p[14] + row * p[15] + 2 * i + 1];
	k[a] = u * cosine - v * sine;
	k[b] = u * sine + v * cosine;
}

void main() {
	int each = p[4] + p[5], words = p[1] * each, others = p[16] * p[11];
	uint n = uint(p[0]) * uint(others + words);
	for (uint i = gl_GlobalInvocationID.x; i < n; i += gl_NumWorkGroups.x * LOCAL) {
		int at = p[6] + 2 * int(i / uint(others + words)), j = int(i % uint(others + words));
		int row = rows[at], place = rows[at + 1], begin = p[7] + row * p[8];
		if (j < others) {
			int head = j / p[11] - p[17];
			rotate(row, begin + (head < 0 ? head : head + p[1]) * p[2], j % p[11]);
			continue;
		}
		j -= others;
		int head = j / each, to = place / 256 * words * 256 + head * each * 256;
		j %= each;
		if (j >= p[4]) {
			pages[to + 256 * p[4] + place % 256 * p[5] + j - p[4]] = WORD(valueAt, j - p[4]);
			continue;
		}
		int d = 2 * j - p[12], next = p[11] / 2; // a word has dimensions d and d+1 of the rotated ones; the pairs of the first half have the others in word j + next
		to += place % 256 * p[4] + j;
		bool turned = d >= 0 && d < 2 * p[11];
		if (turned && p[13] == 0 && d >= p[11]) continue;
		if (turned && p[13] == 1) rotate(row, begin + head * p[2], d / 2);
		else if (turned) {
			rotate(row, begin + head * p[2], d);
			rotate(row, begin + head * p[2], d + 1);
			pages[to + next] = WORD(keyAt, j + next);
		}
		pages[to] = WORD(keyAt, j);
	}
}
#else
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
#endif
