// Writes what llama.cpp's samplers make of given logits, as JSON; see README.md.
#include "llama.h"
#include "llama-sampler.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

static const int vocabulary = 60;
static uint64_t state = 42;

static double uniform() {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return double(state >> 11) / double(1ull << 53);
}

static double normal() { return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(2 * M_PI * uniform()); }

static std::vector<std::vector<float>> logits;
static std::vector<int32_t> history;
static bool first = true;

static void print_kept(const llama_token_data_array & a) {
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < a.size; i++) top = std::max(top, double(a.data[i].logit));
    for (size_t i = 0; i < a.size; i++) sum += std::exp(a.data[i].logit - top);
    printf("[");
    bool begun = false;
    for (size_t i = 0; i < a.size; i++) {
        if (std::isinf(a.data[i].logit)) continue;
        printf("%s[%d,%.7g]", begun ? "," : "", a.data[i].id, std::exp(a.data[i].logit - top) / sum);
        begun = true;
    }
    printf("]");
}

// run writes the candidates after the samplers, for each of the logits.
static void run(const std::string & params, std::vector<llama_sampler *> samplers) {
    for (size_t l = 0; l < logits.size(); l++) {
        std::vector<llama_token_data> data;
        for (int i = 0; i < vocabulary; i++) data.push_back({i, logits[l][i], 0});
        llama_token_data_array a = {data.data(), data.size(), -1, false};
        for (auto * s : samplers) {
            llama_sampler_reset(s);
            for (auto t : history) llama_sampler_accept(s, t);
            llama_sampler_apply(s, &a);
        }
        printf("%s{\"params\":{%s},\"logits\":%zu,\"kept\":", first ? "" : ",\n", params.c_str(), l);
        first = false;
        print_kept(a);
        printf("}");
    }
}

// steps writes the candidates and the chosen tokens of successive steps of Mirostat.
static void steps(const std::string & params, std::vector<llama_sampler *> samplers) {
    printf(",\n{\"params\":{%s},\"steps\":[", params.c_str());
    for (int n = 0; n < 12; n++) {
        std::vector<llama_token_data> data;
        for (int i = 0; i < vocabulary; i++) data.push_back({i, logits[n % logits.size()][i], 0});
        llama_token_data_array a = {data.data(), data.size(), -1, false};
        for (auto * s : samplers) llama_sampler_apply(s, &a);
        printf("%s{\"kept\":", n ? "," : "");
        print_kept(a);
        printf(",\"chosen\":%d}", a.data[a.selected].id);
    }
    printf("]}");
}

int main() {
    for (double spread : {1.0, 3.0, 6.0}) {
        logits.emplace_back();
        for (int i = 0; i < vocabulary; i++) logits.back().push_back(float(spread * normal()));
    }
    // Repetitions of several lengths, a breaker (7; and 8 9) between some.
    history = {1, 2, 3, 4, 5, 7, 1, 2, 3, 10, 11, 12, 13, 1, 2, 3, 4, 20, 20, 20, 8, 9, 30, 31, 32, 33, 40, 30, 31, 32, 34, 30, 31, 32};
    std::vector<std::vector<llama_token>> none, breakers = {{7}, {8, 9}, {33, 40}};
    printf("{\"history\":[");
    for (size_t i = 0; i < history.size(); i++) printf("%s%d", i ? "," : "", history[i]);
    printf("],\"logits\":[");
    for (size_t l = 0; l < logits.size(); l++) {
        printf("%s[", l ? ",\n" : "");
        for (int i = 0; i < vocabulary; i++) printf("%s%.9g", i ? "," : "", logits[l][i]);
        printf("]");
    }
    printf("],\n\"cases\":[\n");
    auto temp = [](float t) { return llama_sampler_init_temp(t); };
    run("\"temperature\":0.7", {temp(0.7f)});
    run("\"temperature\":0", {temp(0)});
    run("\"temperature\":1.2,\"dynatemp_range\":0.8", {llama_sampler_init_temp_ext(1.2f, 0.8f, 1)});
    run("\"temperature\":0.5,\"dynatemp_range\":1,\"dynatemp_exponent\":2.5", {llama_sampler_init_temp_ext(0.5f, 1, 2.5f)});
    run("\"temperature\":1,\"top_k\":7", {llama_sampler_init_top_k(7), temp(1)});
    for (float p : {0.2f, 0.6f, 0.95f}) {
        char s[32];
        snprintf(s, sizeof s, "%.2g", p);
        run(std::string("\"temperature\":1,\"top_p\":") + s, {llama_sampler_init_top_p(p, 0), temp(1)});
        run(std::string("\"temperature\":1,\"min_p\":") + s, {llama_sampler_init_min_p(p, 0), temp(1)});
        run(std::string("\"temperature\":1,\"typical_p\":") + s, {llama_sampler_init_typical(p, 0), temp(1)});
        run(std::string("\"temperature\":2,\"top_n_sigma\":") + s, {llama_sampler_init_top_n_sigma(p), temp(2)});
    }
    run("\"temperature\":1,\"xtc_probability\":1,\"xtc_threshold\":0.05", {llama_sampler_init_xtc(1, 0.05f, 0, 1), temp(1)});
    run("\"temperature\":1,\"xtc_probability\":1", {llama_sampler_init_xtc(1, 0.1f, 0, 1), temp(1)});
    run("\"temperature\":1,\"repeat_penalty\":1.3,\"frequency_penalty\":0.2,\"presence_penalty\":0.4", {llama_sampler_init_penalties(vocabulary, 64, 1.3f, 0.2f, 0.4f), temp(1)});
    run("\"temperature\":1,\"repeat_penalty\":1.3,\"repeat_last\":5", {llama_sampler_init_penalties(vocabulary, 5, 1.3f, 0, 0), temp(1)});
    run("\"temperature\":1,\"dry_multiplier\":0.8", {llama_sampler_init_dry_testing(0.8f, 1.75f, 2, 64, none), temp(1)});
    run("\"temperature\":1,\"dry_multiplier\":0.5,\"dry_base\":1.2,\"dry_allowed_length\":1,\"dry_penalty_last_n\":20", {llama_sampler_init_dry_testing(0.5f, 1.2f, 1, 20, none), temp(1)});
    run("\"temperature\":1,\"dry_multiplier\":0.8,\"dry_sequence_breakers\":[\"7\",\"8 9\",\"33 40\"]", {llama_sampler_init_dry_testing(0.8f, 1.75f, 2, 64, breakers), temp(1)});
    run("\"temperature\":1,\"dry_multiplier\":0.8,\"dry_allowed_length\":4,\"dry_sequence_breakers\":[\"7\",\"8 9\",\"33 40\"]", {llama_sampler_init_dry_testing(0.8f, 1.75f, 4, 64, breakers), temp(1)});
    llama_logit_bias bias[] = {{3, 5}, {10, -5}, {20, -INFINITY}};
    run("\"temperature\":1,\"logit_bias\":{\"3\":5,\"10\":-5,\"20\":-100}", {llama_sampler_init_logit_bias(vocabulary, 3, bias), temp(1)});
    // All stages in the order of llama.cpp, then in another one.
    run("\"temperature\":0.8,\"top_k\":40,\"top_p\":0.95,\"min_p\":0.05,\"typical_p\":0.9,\"xtc_probability\":1,\"xtc_threshold\":0.1,\"repeat_penalty\":1.1,\"dry_multiplier\":0.8",
        {llama_sampler_init_penalties(vocabulary, 64, 1.1f, 0, 0), llama_sampler_init_dry_testing(0.8f, 1.75f, 2, 64, none), llama_sampler_init_top_k(40), llama_sampler_init_typical(0.9f, 0),
         llama_sampler_init_top_p(0.95f, 0), llama_sampler_init_min_p(0.05f, 0), llama_sampler_init_xtc(1, 0.1f, 0, 1), temp(0.8f)});
    run("\"temperature\":2,\"top_k\":20,\"top_p\":0.8,\"min_p\":0.1,\"repeat_penalty\":1.5,\"samplers\":[\"temperature\",\"min_p\",\"top_k\",\"penalties\",\"top_p\"]",
        {temp(2), llama_sampler_init_min_p(0.1f, 0), llama_sampler_init_top_k(20), llama_sampler_init_penalties(vocabulary, 64, 1.5f, 0, 0), llama_sampler_init_top_p(0.8f, 0)});
    steps("\"temperature\":1,\"mirostat\":1", {temp(1), llama_sampler_init_mirostat(vocabulary, 7, 5, 0.1f, 100)});
    steps("\"temperature\":0.9,\"mirostat\":1,\"mirostat_tau\":2,\"mirostat_eta\":0.3", {temp(0.9f), llama_sampler_init_mirostat(vocabulary, 7, 2, 0.3f, 100)});
    steps("\"temperature\":1,\"mirostat\":2", {temp(1), llama_sampler_init_mirostat_v2(7, 5, 0.1f)});
    steps("\"temperature\":0.9,\"mirostat\":2,\"mirostat_tau\":2,\"mirostat_eta\":0.3", {temp(0.9f), llama_sampler_init_mirostat_v2(7, 2, 0.3f)});
    printf("]}\n");
}
