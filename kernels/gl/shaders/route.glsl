// Chooses the experts of each row of logits. A work group takes one row at a time.
layout(std430, binding = 0) readonly buffer Logits { float logits[]; };
layout(std430, binding = 1) readonly buffer Bias { float bias[]; };
layout(std430, binding = 2) readonly buffer Factors { float factors[]; };
layout(std430, binding = 3) buffer Expert { int expert[]; };
layout(std430, binding = 4) buffer Weight { float weight[]; };

// p: 0 rows, 1 experts, 2 and 3 begin and stride of the logits, 4 used, 5 sigmoid, 6 after choice, 7 there is a bias, 8 groups,
// 9 used groups, 10 normalize, 11 scale, 12 there are factors, 13 place of expert, 14 of weight, both [rows][used]

#define MOST 2048
const float TAKEN = -3.4e38; // below LOW, which is the rank of NaN and of -infinity

shared float prob[MOST];
shared float rank[MOST];
shared int places[LOCAL];
shared bool kept[MOST / 2]; // of each group

// best returns the index of the largest value of rank that is not taken, the first of several, or -1.
int best(int experts) {
	int t = int(gl_LocalInvocationID.x), at = -1;
	for (int e = t; e < experts; e += LOCAL) if (rank[e] > TAKEN && (at < 0 || rank[e] > rank[at])) at = e;
	SYNC;
	places[t] = at;
	SYNC;
	for (int s = LOCAL / 2; s > 0; s >>= 1) {
		if (t < s) {
			int a = places[t], b = places[t + s];
			if (a < 0 || b >= 0 && (rank[b] > rank[a] || rank[b] == rank[a] && b < a)) places[t] = b;
		}
		SYNC;
	}
	return places[0];
}

// keepGroups takes the experts of all groups but those whose two best experts have the largest sums.
void keepGroups(int experts) {
	int size = experts / p[8];
	for (int g = 0; g < p[8]; g++) kept[g] = false;
	for (int i = 0; i < p[9]; i++) {
		int top = -1;
		float most = 0.0;
		for (int g = 0; g < p[8]; g++) {
			if (kept[g]) continue;
			float a = LOW, b = LOW;
			for (int e = g * size; e < (g + 1) * size; e++) {
				if (rank[e] > a) {
					b = a;
					a = rank[e];
				} else if (rank[e] > b) b = rank[e];
			}
			float sum = max(a * 0.5 + b * 0.5, LOW); // half of the sum, which can't overflow
			if (top < 0 || sum > most) {
				top = g;
				most = sum;
			}
		}
		kept[top] = true;
	}
	for (int e = 0; e < experts; e++) if (!kept[e / size]) rank[e] = TAKEN;
}

void main() {
	int t = int(gl_LocalInvocationID.x), experts = p[1], used = p[4];
	for (int r = int(gl_WorkGroupID.x); r < p[0]; r += int(gl_NumWorkGroups.x)) {
		SYNC;
		float top = LOW, sum = 0.0;
		for (int e = t; e < experts; e += LOCAL) {
			prob[e] = logits[p[2] + r * p[3] + e];
			top = max(top, prob[e]);
		}
		if (p[6] == 0 && p[5] == 0) {
			top = greatest(top);
			for (int e = t; e < experts; e += LOCAL) {
				prob[e] = exponential(prob[e] - top);
				sum += prob[e];
			}
			sum = total(sum);
			for (int e = t; e < experts; e += LOCAL) prob[e] /= sum;
		} else if (p[6] == 0) {
			for (int e = t; e < experts; e += LOCAL) prob[e] = 1.0 / (1.0 + exponential(-prob[e]));
		}
		for (int e = t; e < experts; e += LOCAL) {
			float v = prob[e] + (p[7] == 1 ? bias[e] : 0.0);
			rank[e] = v > LOW ? v : LOW;
		}
		SYNC;
		if (p[8] > 1 && t == 0) keepGroups(experts);
		SYNC;
		for (int i = 0; i < used; i++) {
			int e = best(experts);
			if (t == 0) {
				expert[p[13] + r * used + i] = e;
				rank[e] = TAKEN;
			}
			SYNC;
		}
		if (t == 0) {
			int at = p[13] + r * used;
			float norm = 0.0, most = LOW;
			for (int i = 0; i < used; i++) most = max(most, prob[expert[at + i]]);
			if (p[6] == 1) {
				for (int i = 0; i < used; i++) {
					int e = expert[at + i];
					prob[e] = p[5] == 1 ? 1.0 / (1.0 + exponential(-prob[e])) : exponential(prob[e] - most);
					norm += prob[e];
				}
				if (p[5] == 0) for (int i = 0; i < used; i++) prob[expert[at + i]] /= norm;
			}
			norm = 0.0;
			for (int i = 0; i < used; i++) norm += prob[expert[at + i]];
			float scale = real(11) / (p[10] == 1 ? max(norm, 1.0 / 16384.0) : 1.0);
			for (int i = 0; i < used; i++) {
				int e = expert[at + i];
				weight[p[14] + r * used + i] = prob[e] * scale * (p[12] == 1 ? factors[e] : 1.0);
			}
		}
	}
}
