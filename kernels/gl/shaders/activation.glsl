// The activations of feed-forward networks.

// erf after Abramowitz and Stegun, formula 7.1.26; its error is below 1.5e-7.
float erf(float v) {
	float t = 1.0 / (1.0 + 0.3275911 * abs(v));
	float e = 1.0 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * exponential(-v * v);
	return v < 0.0 ? -e : e;
}

// activation is the kernels.Activation with number f.
float activation(int f, float v) {
	switch (f) {
	case 0: return v / (1.0 + exponential(-v));
	case 1: return 0.5 * v * (1.0 + hyperbolic(0.7978845608 * (v + 0.044715 * v * v * v)));
	case 2: return 0.5 * v * (1.0 + erf(v * 0.7071067812));
	case 3: return max(v, 0.0);
	case 4: return max(v, 0.0) * max(v, 0.0);
	case 5: return 1.0 / (1.0 + exponential(-v));
	case 6: return softplus(v);
	case 7: v = min(v, 7.0); // SwiGLU7, GELUQuick with a limit
	}
	return v / (1.0 + exponential(-1.702 * v));
}

// gated is activation(gate)·up, for SwiGLU7 with limits.
float gated(int f, float gate, float up) { return activation(f, gate) * (f == 7 ? 1.0 + clamp(up, -7.0, 7.0) : up); }
