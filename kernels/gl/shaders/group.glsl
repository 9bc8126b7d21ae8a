// Arranges the rows of a choice in groups, one for each expert. One work group does it; each invocation takes every 64th expert.
// The numbers lie in one buffer: expert and weight are [rows][used], place and source [rows·used], first [experts+1], and tiles has
// three numbers for each tile of at most 8 rows of a group: expert, first row, number of rows.
layout(std430, binding = 0) buffer Choice { int c[]; };

// p: 0 rows·used, 1 experts, 2 used, 3 expert, 4 place, 5 source, 6 tiles, 7 number of tiles that there is memory for

shared int first[2049];

void main() {
	int t = int(gl_LocalInvocationID.x), n = p[0], experts = p[1];
	for (int e = t; e < experts; e += LOCAL) {
		int count = 0;
		for (int i = 0; i < n; i++) if (c[p[3] + i] == e) count++;
		first[e + 1] = count;
	}
	if (t == 0) first[0] = 0;
	SYNC;
	if (t == 0) {
		int tile = p[6], last = p[6] + 3 * p[7];
		for (int e = 0; e < experts; e++) {
			first[e + 1] += first[e];
			for (int r = first[e]; r < first[e + 1]; r += 8) {
				c[tile] = e;
				c[tile + 1] = r;
				c[tile + 2] = min(8, first[e + 1] - r);
				tile += 3;
			}
		}
		for (; tile < last; tile += 3) c[tile] = -1;
	}
	SYNC;
	for (int e = t; e < experts; e += LOCAL) {
		int at = first[e];
		for (int i = 0; i < n; i++) {
			if (c[p[3] + i] != e) continue;
			c[p[4] + i] = at;
			c[p[5] + at] = i;
			at++;
		}
	}
}
