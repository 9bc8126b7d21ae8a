// Writes the logits that llama.cpp computes for a model file as JSON to standard output, in
// the form that README.md describes, with 24 or TOKENS greedy tokens, and with an adapter if there is one:
// small MODEL.gguf [TOKENS [ADAPTER.gguf SCALE]] > MODEL.json
//
// One thread: ggml waits for others by spinning, which takes minutes on a busy machine.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "llama.h"

static const int prompt = 40, best = 20, vocabulary = 261;

static void print_best(const float * logits) {
    std::vector<int> order(vocabulary);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[a] > logits[b]; });
    for (int i = 0; i < best; i++) printf("%s[%d,%.7g]", i ? "," : "", order[i], logits[order[i]]);
}

static bool decode(llama_context * ctx, llama_batch & batch, const std::vector<int> & tokens, int from) {
    batch.n_tokens = 0;
    for (size_t i = 0; i < tokens.size(); i++) {
        batch.token[i]     = tokens[i];
        batch.pos[i]       = from + (int) i;
        batch.n_seq_id[i]  = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i]    = 1;
        batch.n_tokens++;
    }
    return llama_decode(ctx, batch) == 0;
}

int main(int argc, char ** argv) {
    if (argc != 2 && argc != 3 && argc != 5) return fprintf(stderr, "usage: small MODEL.gguf [TOKENS [ADAPTER.gguf SCALE]]\n"), 2;
    const int generated = argc >= 3 ? atoi(argv[2]) : 24;
    llama_backend_init();
    auto mp         = llama_model_default_params();
    mp.n_gpu_layers = 0;
    llama_model * model = llama_model_load_from_file(argv[1], mp);
    if (!model) return 1;
    auto cp            = llama_context_default_params();
    cp.n_ctx           = 256;
    cp.n_batch         = 256;
    cp.n_ubatch        = 256;
    cp.n_threads       = 1;
    cp.n_threads_batch = 1;
    cp.type_k          = GGML_TYPE_F32;
    cp.type_v          = GGML_TYPE_F32;
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    llama_context * ctx = llama_init_from_model(model, cp);
    if (!ctx) return 1;
    if (argc == 5) {
        llama_adapter_lora * adapter = llama_adapter_lora_init(model, argv[3]);
        float scale = atof(argv[4]);
        if (!adapter || llama_set_adapters_lora(ctx, &adapter, 1, &scale) != 0) return 1;
    }
    llama_batch batch = llama_batch_init(256, 0, 1);

    printf("[");
    for (int seed = 1; seed <= 3; seed++) {
        std::vector<int> ids = {1};
        for (int i = 1; i < prompt; i++) ids.push_back(3 + (i * (7 + 31 * seed) + i * i * seed) % 256);
        llama_memory_clear(llama_get_memory(ctx), true);
        if (!decode(ctx, batch, ids, 0)) return 1;
        printf("%s{\"text\":\"prompt %d\",\"ids\":[", seed > 1 ? ",\n" : "", seed);
        for (int i = 0; i < prompt; i++) printf("%s%d", i ? "," : "", ids[i]);
        printf("],\"prompt_top20\":[");
        for (int i = prompt - 8; i < prompt; i++) {
            printf("%s{\"pos\":%d,\"top\":[", i > prompt - 8 ? "," : "", i);
            print_best(llama_get_logits_ith(ctx, i));
            printf("]}");
        }
        printf("],\"gen\":[");
        std::vector<int> greedy;
        const float * last = llama_get_logits_ith(ctx, prompt - 1);
        for (int i = 0; i < generated; i++) {
            greedy.push_back((int) (std::max_element(last, last + vocabulary) - last));
            if (!decode(ctx, batch, {greedy.back()}, prompt + i)) return 1;
            last = llama_get_logits_ith(ctx, 0);
            printf("%s{\"step\":%d,\"top\":[", i ? "," : "", i + 1);
            print_best(last);
            printf("]}");
        }
        printf("],\"greedy_ids\":[");
        for (int i = 0; i < generated; i++) printf("%s%d", i ? "," : "", greedy[i]);
        printf("]}");
    }
    printf("]\n");
    return 0;
}
