// vision MODEL MMPROJ IMAGE.ppm[,IMAGE.ppm…] TEXT N: the chunks of a prompt with images, as JSON: for text its tokens; for an image the number
// of rows, the positions they take, and of each row the first 8 values and the sum; then the 20 best of the last logits as [id, logit],
// and N greedy tokens.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>
#include "llama.h"
#include "mtmd.h"
#include "mtmd-helper.h"
int main(int argc, char ** argv) {
    llama_backend_init();
    auto quiet = [](enum ggml_log_level l, const char * t, void *){ if (l == GGML_LOG_LEVEL_ERROR || getenv("V")) fputs(t, stderr); };
    llama_log_set(quiet, nullptr); mtmd_log_set(quiet, nullptr); mtmd_helper_log_set(quiet, nullptr);
    auto mp = llama_model_default_params(); mp.n_gpu_layers = 0;
    llama_model * model = llama_model_load_from_file(argv[1], mp);
    if (!model) return 1;
    auto vp = mtmd_context_params_default(); vp.use_gpu = false; vp.n_threads = 1; vp.warmup = false; vp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    mtmd_context * ctx = mtmd_init_from_file(argv[2], model, vp);
    if (!ctx) return 1;
    std::vector<const mtmd_bitmap *> bms;
    std::string paths = argv[3], prompt = argv[4];
    for (size_t at = 0, end; at <= paths.size(); at = end + 1) {
        end = std::min(paths.find(',', at), paths.size());
        FILE * f = fopen(paths.substr(at, end - at).c_str(), "rb"); int w, h;
        if (!f || fscanf(f, "P6 %d %d 255", &w, &h) != 2) return 1;
        fgetc(f); std::vector<unsigned char> pix(3 * w * h);
        if (fread(pix.data(), 1, pix.size(), f) != pix.size()) return 1;
        fclose(f);
        bms.push_back(mtmd_bitmap_init(w, h, pix.data()));
        prompt.replace(prompt.find("<image>"), 7, mtmd_get_marker(ctx));
    }
    mtmd_input_text text{}; text.text = prompt.c_str(); text.text_len = prompt.size(); text.add_special = true; text.parse_special = true;
    mtmd_input_chunks * chunks = mtmd_input_chunks_init();
    int rc = mtmd_tokenize(ctx, chunks, &text, bms.data(), bms.size());
    if (rc) { fprintf(stderr, "tokenize %d\n", rc); return 1; }
    int embd = llama_model_n_embd_inp(model);
    printf("{\"chunks\":[");
    for (size_t i = 0; i < mtmd_input_chunks_size(chunks); i++) {
        auto c = mtmd_input_chunks_get(chunks, i);
        if (i) printf(",");
        if (mtmd_input_chunk_get_type(c) == MTMD_INPUT_CHUNK_TYPE_TEXT) {
            size_t n; auto t = mtmd_input_chunk_get_tokens_text(c, &n);
            printf("\n{\"tokens\":[");
            for (size_t j = 0; j < n; j++) printf("%s%d", j ? "," : "", t[j]);
            printf("]}");
            continue;
        }
        if (mtmd_encode_chunk(ctx, c)) return 1;
        float * e = mtmd_get_output_embd(ctx);
        size_t n = mtmd_input_chunk_get_n_tokens(c);
        printf("\n{\"rows\":%zu,\"positions\":%d,\"causal\":%s,\"embd\":[", n, (int) mtmd_input_chunk_get_n_pos(c), mtmd_decode_use_non_causal(ctx, c) ? "false" : "true");
        for (size_t j = 0; j < n; j++) {
            double sum = 0; for (int k = 0; k < embd; k++) sum += e[j * embd + k];
            printf("%s[", j ? "," : "");
            for (int k = 0; k < 8; k++) printf("%.7g,", e[j * embd + k]);
            printf("%.7g]", sum);
        }
        printf("]}");
    }
    auto cp = llama_context_default_params();
    cp.n_ctx = 4096; cp.n_batch = 2048; cp.n_ubatch = 2048; cp.n_threads = 1; cp.n_threads_batch = 1;
    cp.type_k = GGML_TYPE_F32; cp.type_v = GGML_TYPE_F32; cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    llama_context * lc = llama_init_from_model(model, cp);
    llama_pos past = 0;
    if (mtmd_helper_eval_chunks(ctx, lc, chunks, 0, 0, 2048, true, &past)) return 1;
    int nv = llama_vocab_n_tokens(llama_model_get_vocab(model));
    printf("],\n\"top\":[");
    std::string greedy;
    for (int step = 0; step <= atoi(argv[5]); step++) {
        float * l = llama_get_logits_ith(lc, -1);
        std::vector<int> o(nv); for (int i = 0; i < nv; i++) o[i] = i;
        std::partial_sort(o.begin(), o.begin() + 20, o.end(), [&](int a, int b){ return l[a] > l[b]; });
        if (step == 0) for (int i = 0; i < 20; i++) printf("%s[%d,%.6g]", i ? "," : "", o[i], l[o[i]]);
        if (step == atoi(argv[5])) break;
        greedy += (step ? "," : "") + std::to_string(o[0]);
        llama_token t = o[0];
        llama_batch b = llama_batch_init(1, 0, 1); b.n_tokens = 1; b.token[0] = t; b.pos[0] = past++; b.n_seq_id[0] = 1; b.seq_id[0][0] = 0; b.logits[0] = 1;
        if (llama_decode(lc, b)) return 1;
        llama_batch_free(b);
    }
    printf("],\n\"greedy\":[%s]}\n", greedy.c_str());
}
