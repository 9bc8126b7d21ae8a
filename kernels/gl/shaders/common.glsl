// What all kernels share. LOCAL is the number of invocations in a work group; a kernel may define another one before its main.
#define LOCAL 64
layout(local_size_x = LOCAL) in;
layout(location = 0) uniform int p[PARAMS];

const float LOW = -3.0e38; // below every score

float real(int i) { return intBitsToFloat(p[i]); }

#define SYNC memoryBarrierShared(); barrier()

#define PLUS(A, B) ((A) + (B))

// OVER_GROUP defines a function that combines the values of all invocations of a work group, which must all call it, in the memory SHARES, [LOCAL].
// WITHIN combines those of a subgroup.
#ifdef SUBGROUPS
#define OVER_GROUP(T, NAME, SHARES, BOTH, WITHIN) T NAME(T v) { \
	v = WITHIN(v); \
	SYNC; \
	if (subgroupElect()) SHARES[gl_SubgroupID] = v; \
	SYNC; \
	v = SHARES[0]; \
	for (uint i = 1u; i < gl_NumSubgroups; i++) v = BOTH(v, SHARES[i]); \
	return v; \
}
#else
#define OVER_GROUP(T, NAME, SHARES, BOTH, WITHIN) T NAME(T v) { \
	uint t = gl_LocalInvocationID.x; \
	SYNC; \
	SHARES[t] = v; \
	SYNC; \
	for (uint s = LOCAL / 2u; s > 0u; s >>= 1) { \
		if (t < s) SHARES[t] = BOTH(SHARES[t], SHARES[t + s]); \
		SYNC; \
	} \
	return SHARES[0]; \
}
#endif

shared float shares[LOCAL];

OVER_GROUP(float, total, shares, PLUS, subgroupAdd)
OVER_GROUP(float, greatest, shares, max, subgroupMax)

// exponential is exp, which some drivers compute with an error of 1e-5; the polynomial is that of Cephes, expf.c.
float exponential(float x) {
	if (isnan(x)) return x;
	x = clamp(x, -104.0, 89.0);
	float n = floor(x * 1.44269504 + 0.5);
	float r = x - n * 0.693359375 + n * 2.12194440e-4;
	float y = ((((1.9875691500e-4 * r + 1.3981999507e-3) * r + 8.3334519073e-3) * r + 4.1665795894e-2) * r + 1.6666665459e-1) * r + 0.5;
	return ldexp(y * r * r + r + 1.0, int(n));
}

// hyperbolic is the hyperbolic tangent, without overflow.
float hyperbolic(float x) {
	float e = exponential(-2.0 * abs(x));
	float y = (1.0 - e) / (1.0 + e);
	return x < 0.0 ? -y : y;
}

// softplus is ln(1+exp(x)), without overflow.
float softplus(float x) { return max(x, 0.0) + log(1.0 + exponential(-abs(x))); }
