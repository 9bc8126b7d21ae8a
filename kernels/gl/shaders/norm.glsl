// Operations on runs of columns that need sums over the run. OPTION is the operation. A work group takes one run at a time.
layout(std430, binding = 0) buffer Dst { float dst[]; };
layout(std430, binding = 1) readonly buffer X { float x[]; };
layout(std430, binding = 2) readonly buffer W { float w[]; };
layout(std430, binding = 3) readonly buffer Beta { float beta[]; };

// p: 0 runs, 1 values of a run, 2 runs of a row, 3 and 4 begin and stride of dst, 5 and 6 of x, 7 a number of the operation

void main() {
	uint n = uint(p[1]), t = gl_LocalInvocationID.x;
	float count = float(p[1]);
	for (uint i = gl_WorkGroupID.x; i < uint(p[0]); i += gl_NumWorkGroups.x) {
		uint r = i / uint(p[2]), c = i % uint(p[2]) * n;
		uint to = uint(p[3]) + r * uint(p[4]) + c, from = uint(p[5]) + r * uint(p[6]) + c;
#if OPTION == 4
		// softmax(number·x), in place
		float top = LOW;
		for (uint k = t; k < n; k += LOCAL) top = max(top, x[from + k] * real(7));
		top = greatest(top);
		float sum = 0.0;
		for (uint k = t; k < n; k += LOCAL) sum += exponential(x[from + k] * real(7) - top);
		sum = total(sum);
		for (uint k = t; k < n; k += LOCAL) dst[to + k] = exponential(x[from + k] * real(7) - top) / sum;
#else
		float mean = 0.0;
#if OPTION == 1 || OPTION == 3
		for (uint k = t; k < n; k += LOCAL) mean += x[from + k];
		mean = total(mean) / count;
#endif
		float square = 0.0;
		for (uint k = t; k < n; k += LOCAL) {
			float v = x[from + k] - mean;
			square += v * v;
		}
		square = total(square);
#if OPTION == 0 // RMSNorm
		float f = 1.0 / sqrt(square / count + real(7));
		for (uint k = t; k < n; k += LOCAL) dst[to + k] = x[from + k] * f * w[k];
#elif OPTION == 1 // LayerNorm
		float f = 1.0 / sqrt(square / count + real(7));
		for (uint k = t; k < n; k += LOCAL) dst[to + k] = (x[from + k] - mean) * f * w[k] + beta[k];
#elif OPTION == 2 // MatchNorm: dst gets the norm of x
		float have = 0.0;
		for (uint k = t; k < n; k += LOCAL) have += dst[to + k] * dst[to + k];
		have = total(have);
		if (have > 0.0) {
			float f = sqrt(square / have);
			for (uint k = t; k < n; k += LOCAL) dst[to + k] *= f;
		}
#else // Cutoff
		float least = mean + real(7) * sqrt(square / (count - 1.0));
		for (uint k = t; k < n; k += LOCAL) dst[to + k] = max(x[from + k] - least, 0.0);
#endif
#endif
	}
}
