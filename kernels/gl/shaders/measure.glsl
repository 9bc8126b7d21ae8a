// What a card can do: OPTION 0 reads words of memory, OPTION 1 multiplies and adds. What is computed is written only if it has an unlikely
// value, so that the compiler keeps it.
layout(std430, binding = 0) readonly buffer Wide { uvec4 wide[]; };
layout(std430, binding = 1) buffer Dst { uint dst[]; };

// p: 0 quads of words, or steps

void main() {
	uint i = gl_GlobalInvocationID.x, all = gl_NumWorkGroups.x * LOCAL;
#if OPTION == 0
	uvec4 sum = uvec4(0u);
	for (uint k = i; k < uint(p[0]); k += all) sum ^= wide[k];
	if ((sum.x ^ sum.y ^ sum.z ^ sum.w) == 0x5a17c3e9u) dst[0] = i;
#else
	vec4 a = vec4(float(i % 7u)), b = a + 1.0, c = a + 2.0, d = a + 3.0;
	for (int k = 0; k < p[0]; k++) {
		a = a * 0.999 + 0.001;
		b = b * 0.999 + 0.001;
		c = c * 0.999 + 0.001;
		d = d * 0.999 + 0.001;
	}
	if (dot(a + b + c + d, vec4(1.0)) == 123.4567) dst[0] = i;
#endif
}
