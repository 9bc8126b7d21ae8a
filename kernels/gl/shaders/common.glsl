// What all kernels share. LOCAL is the number of invocations in a work group; a kernel may define another one before its main.
#define LOCAL 64
layout(local_size_x = LOCAL) in;
layout(location = 0) uniform int p[PARAMS];

const float LOW = -3.0e38; // below every score

float real(int i) { return intBitsToFloat(p[i]); }

#define SYNC memoryBarrierShared(); barrier()

shared float shares[LOCAL];

// total returns the sum of v over the invocations of a work group, all of which must call it.
float total(float v) {
	uint t = gl_LocalInvocationID.x;
	SYNC;
	shares[t] = v;
	SYNC;
	for (uint s = LOCAL / 2u; s > 0u; s >>= 1) {
		if (t < s) shares[t] += shares[t + s];
		SYNC;
	}
	return shares[0];
}

// greatest is total for the maximum.
float greatest(float v) {
	uint t = gl_LocalInvocationID.x;
	SYNC;
	shares[t] = v;
	SYNC;
	for (uint s = LOCAL / 2u; s > 0u; s >>= 1) {
		if (t < s) shares[t] = max(shares[t], shares[t + s]);
		SYNC;
	}
	return shares[0];
}

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
