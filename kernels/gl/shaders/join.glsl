// Joins the parts of an attention (attend.glsl). A work group takes one head (y) of one row (x).
layout(std430, binding = 0) readonly buffer Parts { float parts[]; };
layout(std430, binding = 1) buffer Dst { float dst[]; };
layout(std430, binding = 2) readonly buffer Table { int table[]; }; // for each row: its number, its first part, their number
layout(std430, binding = 3) readonly buffer Sinks { float sinks[]; };

// p: 0 heads, 1 dimensions of a value, 2 begin of the parts, 3 and 4 begin and stride of dst, 5 there are sinks, 6 rows, 7 place of the table

void main() {
	uint t = gl_LocalInvocationID.x, h = gl_WorkGroupID.y, size = uint(p[1] + 2);
	for (int n = int(gl_WorkGroupID.x); n < p[6]; n += int(gl_NumWorkGroups.x)) {
		int row = table[p[7] + 3 * n], first = table[p[7] + 3 * n + 1], count = table[p[7] + 3 * n + 2];
		float sink = p[5] == 1 ? sinks[h] : LOW, top = sink, sum = 0.0;
		for (int i = first; i < first + count; i++) top = max(top, parts[uint(p[2]) + (uint(i) * uint(p[0]) + h) * size]);
		for (int i = first; i < first + count; i++) {
			uint at = uint(p[2]) + (uint(i) * uint(p[0]) + h) * size;
			sum += parts[at + 1u] * exponential(parts[at] - top);
		}
		if (p[5] == 1) sum += exponential(sink - top);
		for (uint d = t; d < uint(p[1]); d += LOCAL) {
			float v = 0.0;
			for (int i = first; i < first + count; i++) {
				uint at = uint(p[2]) + (uint(i) * uint(p[0]) + h) * size;
				v += parts[at + 2u + d] * exponential(parts[at] - top);
			}
			dst[uint(p[3] + row * p[4]) + h * uint(p[1]) + d] = sum > 0.0 ? v / sum : 0.0;
		}
	}
}
