// Operations that compute each value of dst from the values at the same place of dst, x and y. OPTION is the operation.
layout(std430, binding = 0) buffer Dst { float dst[]; };
layout(std430, binding = 1) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer Y { float y[]; };

// p: 0 rows, 1 columns, 2 and 3 begin and stride of dst, 4 and 5 of x, 6 and 7 rows and columns of x, 8 and 9 begin and stride of y,
// 10 … numbers of the operation

float xielu(float v) {
	if (v > 0.0) return real(10) * v * v + real(12) * v;
	return real(11) * (exponential(min(v, real(13))) - 1.0 - v) + real(12) * v;
}

float apply(float old, float v, float u) {
#if OPTION == 0
	return old + v;
#elif OPTION == 1
	return old * v;
#elif OPTION == 2
	return real(10) * v;
#elif OPTION == 3
	return real(10) * hyperbolic(v / real(10));
#elif OPTION == 4
	return xielu(v);
#elif OPTION == 5
	return clamp(v, real(10), real(11));
#elif OPTION == 6
	return v;
#elif OPTION == 7
	return activation(p[10], v);
#else
	return gated(p[10], v, u);
#endif
}

void main() {
	uint cols = uint(p[1]), n = uint(p[0]) * cols;
	for (uint i = gl_GlobalInvocationID.x; i < n; i += gl_NumWorkGroups.x * LOCAL) {
		uint r = i / cols, c = i % cols;
		uint at = uint(p[2]) + r * uint(p[3]) + c;
		uint from = uint(p[4]) + min(r, uint(p[6]) - 1u) * uint(p[5]) + min(c, uint(p[7]) - 1u);
#if OPTION == 8
		float u = y[uint(p[8]) + r * uint(p[9]) + c];
#else
		const float u = 0.0;
#endif
#if OPTION < 2
		float old = dst[at];
#else
		const float old = 0.0;
#endif
		dst[at] = apply(old, x[from], u);
	}
}
