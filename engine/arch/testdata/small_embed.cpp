// Writes the hidden rows and the vectors (embeddings, or scores of a reranker) that llama.cpp computes for a model file as JSON to
// standard output, in the form that README.md describes: small_embed MODEL.gguf > MODEL.json
//
// One thread: ggml waits for others by spinning, which takes minutes on a busy machine.
#include <cstdio>
#include <vector>

#include "llama.h"

// Number of tokens of the texts.
static const int lengths[] = {40, 17, 1};

static std::vector<int> text(int seed, int n) {
    std::vector<int> ids = {1};
    for (int i = 1; i < n; i++) ids.push_back(3 + (i * (7 + 31 * seed) + i * i * seed) % 256);
    return ids;
}

static void print_values(const float * v, int n) {
    for (int i = 0; i < n; i++) printf("%s%.7g", i ? "," : "", v[i]);
}

static llama_context * context(llama_model * model, bool rows) {
    auto cp            = llama_context_default_params();
    cp.n_ctx           = 256;
    cp.n_batch         = 256;
    cp.n_ubatch        = 256;
    cp.n_threads       = 1;
    cp.n_threads_batch = 1;
    cp.type_k          = GGML_TYPE_F32;
    cp.type_v          = GGML_TYPE_F32;
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    cp.embeddings      = true;
    if (rows) cp.pooling_type = LLAMA_POOLING_TYPE_NONE;
    return llama_init_from_model(model, cp);
}

static bool decode(llama_context * ctx, llama_batch & batch, const std::vector<int> & ids) {
    if (llama_get_memory(ctx)) llama_memory_clear(llama_get_memory(ctx), true);
    batch.n_tokens = (int) ids.size();
    for (size_t i = 0; i < ids.size(); i++) {
        batch.token[i]     = ids[i];
        batch.pos[i]       = (int) i;
        batch.n_seq_id[i]  = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i]    = 1;
    }
    return llama_decode(ctx, batch) == 0;
}

int main(int argc, char ** argv) {
    if (argc != 2) return fprintf(stderr, "usage: small_embed MODEL.gguf\n"), 2;
    llama_backend_init();
    auto mp         = llama_model_default_params();
    mp.n_gpu_layers = 0;
    llama_model * model = llama_model_load_from_file(argv[1], mp);
    if (!model) return 1;
    llama_context * rows = context(model, true), * pooled = context(model, false);
    if (!rows || !pooled) return 1;
    const bool ranks = llama_pooling_type(pooled) == LLAMA_POOLING_TYPE_RANK;
    const int dim = llama_model_n_embd(model), out = ranks ? (int) llama_model_n_cls_out(model) : dim;
    llama_batch batch = llama_batch_init(256, 0, 1);

    printf("[");
    for (int seed = 1; seed <= 3; seed++) {
        const std::vector<int> ids = text(seed, lengths[seed - 1]);
        const int n = (int) ids.size();
        if (!decode(rows, batch, ids)) return 1;
        printf("%s{\"ids\":[", seed > 1 ? ",\n" : "");
        for (int i = 0; i < n; i++) printf("%s%d", i ? "," : "", ids[i]);
        printf("],\"rows\":[");
        const int wanted[] = {0, n / 2, n - 1};
        for (int i = 0; i < 3; i++) {
            printf("%s{\"pos\":%d,\"values\":[", i ? "," : "", wanted[i]);
            print_values(llama_get_embeddings_ith(rows, wanted[i]), dim);
            printf("]}");
        }
        if (!decode(pooled, batch, ids)) return 1;
        printf("],\"vector\":[");
        print_values(llama_get_embeddings_seq(pooled, 0), out);
        printf("]}");
    }
    printf("]\n");
    return 0;
}
