// Backward passes that PyTorch leaves to slow paths on a CPU: depthwise convolutions and batch norms of bfloat16 tensors in
// channels_last memory, with the activation in the same sweep. One thread. fast.py compiles and calls this file, and the
// tests hold each function to what PyTorch computes. Tensors are [N, H, W, C] in memory, values bfloat16, parameters float32.
#include <cstdint>
#include <cstring>
#include <vector>

typedef uint16_t half;
static const int LANES = 16;
typedef float vec __attribute__((vector_size(LANES * 4)));

static inline float wide(half x) {
    uint32_t u = (uint32_t)x << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

// Round to nearest, ties to even.
static inline half narrow(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return (half)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

// Channels c0 to c0 + LANES of one picture as float32, PAD zeros around; channels beyond the last are zero.
template <int PAD>
static void unpack(const half *from, float *to, int h, int w, int channels, int c0) {
    const int n = channels - c0 < LANES ? channels - c0 : LANES, wide_w = w + 2 * PAD;
    memset(to, 0, sizeof(float) * LANES * (size_t)wide_w * (h + 2 * PAD));
    for (int y = 0; y < h; y++) {
        float *row = to + ((size_t)(y + PAD) * wide_w + PAD) * LANES;
        const half *src = from + (size_t)y * w * channels + c0;
        if (n == LANES) {
            for (int x = 0; x < w; x++)
                for (int c = 0; c < LANES; c++) row[x * LANES + c] = wide(src[(size_t)x * channels + c]);
        } else {
            for (int x = 0; x < w; x++)
                for (int c = 0; c < n; c++) row[x * LANES + c] = wide(src[(size_t)x * channels + c]);
        }
    }
}

// gw[k][k] of one block of channels, added up over a picture: x padded by K / 2, g not padded but stored with PAD = K.
template <int K, int S>
static void weight_block(const float *x, int xw, const float *g, int gw_, int oh, int ow, float *acc) {
    vec sum[K][K];
    memcpy(sum, acc, sizeof(sum));
    for (int y = 0; y < oh; y++) {
        const vec *gr = (const vec *)g + (size_t)(y + K) * gw_ + K;
        for (int c = 0; c < ow; c++) {
            const vec v = gr[c];
            const vec *xr = (const vec *)x + (size_t)y * S * xw + c * S;
#pragma GCC unroll 8
            for (int i = 0; i < K; i++)
#pragma GCC unroll 8
                for (int j = 0; j < K; j++) sum[i][j] += v * xr[(size_t)i * xw + j];
        }
    }
    memcpy(acc, sum, sizeof(sum));
}

template <int K, int S, int PX>
static inline vec gather(const vec *g, int gw_, const vec *w, int y, int x) {
    const int P = K / 2;
    vec sum = {};
    for (int i = (y + P) % S; i < K; i += S) {
        const vec *row = g + (size_t)((y + P - i) / S + K) * gw_ + K;
#pragma GCC unroll 8
        for (int j = (PX + P) % S; j < K; j += S) sum += row[(x + P - j) / S] * w[i * K + j];
    }
    return sum;
}

// (y + P - i) is a multiple of S here and never below -K * S, so the division is exact also where it is negative.
template <int K, int S>
static void input_block(const float *g, int gw_, const float *w, half *gx, int h, int wd, int channels, int c0) {
    const int n = channels - c0 < LANES ? channels - c0 : LANES;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < wd; x++) {
            vec v = x % S ? gather<K, S, 1>((const vec *)g, gw_, (const vec *)w, y, x)
                          : gather<K, S, 0>((const vec *)g, gw_, (const vec *)w, y, x);
            half *to = gx + ((size_t)y * wd + x) * channels + c0;
            if (n == LANES)
                for (int c = 0; c < LANES; c++) to[c] = narrow(v[c]);
            else
                for (int c = 0; c < n; c++) to[c] = narrow(v[c]);
        }
}

template <int K, int S>
static void depthwise(const half *x, const half *gy, const float *w, half *gx, float *gw, float *gb, int n, int h, int wd, int oh, int ow, int channels) {
    const int P = K / 2, xw = wd + 2 * P, gw_ = ow + 2 * K;
    std::vector<vec> xb((size_t)xw * (h + 2 * P)), gb_((size_t)gw_ * (oh + 2 * K)), wb(K * K), acc(K * K);
    for (int c0 = 0; c0 < channels; c0 += LANES) {
        const int m = channels - c0 < LANES ? channels - c0 : LANES;
        for (int k = 0; k < K * K; k++) {
            acc[k] = vec{};
            wb[k] = vec{};
            for (int c = 0; c < m; c++) wb[k][c] = w[(size_t)(c0 + c) * K * K + k];
        }
        vec bias = {};
        for (int i = 0; i < n; i++) {
            unpack<P>(x + (size_t)i * h * wd * channels, (float *)xb.data(), h, wd, channels, c0);
            unpack<K>(gy + (size_t)i * oh * ow * channels, (float *)gb_.data(), oh, ow, channels, c0);
            weight_block<K, S>((float *)xb.data(), xw, (float *)gb_.data(), gw_, oh, ow, (float *)acc.data());
            if (gb)
                for (int y = 0; y < oh; y++)
                    for (int q = 0; q < ow; q++) bias += gb_[(size_t)(y + K) * gw_ + K + q];
            if (gx) input_block<K, S>((float *)gb_.data(), gw_, (float *)wb.data(), gx + (size_t)i * h * wd * channels, h, wd, channels, c0);
        }
        for (int c = 0; c < m; c++) {
            for (int k = 0; k < K * K; k++) gw[(size_t)(c0 + c) * K * K + k] = acc[k][c];
            if (gb) gb[c0 + c] = bias[c];
        }
    }
}

extern "C" {

// Gradients of a depthwise convolution with kernel k (3 or 5), stride s (1 or 2), padding k / 2; gx and gb may be null.
// Returns 0, or 1 for a kernel or stride it does not know.
int depthwise_backward(const half *x, const half *gy, const float *w, half *gx, float *gw, float *gb, int n, int h, int wd, int oh, int ow, int channels, int k, int s) {
    if (k == 3 && s == 1) depthwise<3, 1>(x, gy, w, gx, gw, gb, n, h, wd, oh, ow, channels);
    else if (k == 3 && s == 2) depthwise<3, 2>(x, gy, w, gx, gw, gb, n, h, wd, oh, ow, channels);
    else if (k == 5 && s == 1) depthwise<5, 1>(x, gy, w, gx, gw, gb, n, h, wd, oh, ow, channels);
    else if (k == 5 && s == 2) depthwise<5, 2>(x, gy, w, gx, gw, gb, n, h, wd, oh, ow, channels);
    else return 1;
    return 0;
}

// y = leaky(x, slope), n values.
void leaky_forward(const half *x, half *y, long n, float slope) {
    for (long i = 0; i < n; i++) {
        float v = wide(x[i]);
        y[i] = narrow(v > 0 ? v : v * slope);
    }
}

// gx = gy times the slope of the activation whose result was y.
void leaky_backward(const half *gy, const half *y, half *gx, long n, float slope) {
    for (long i = 0; i < n; i++) {
        float v = wide(gy[i]);
        gx[i] = narrow(wide(y[i]) > 0 ? v : v * slope);
    }
}

// Training batch norm: y = leaky(gamma * (z - mean) / sqrt(var + eps) + beta + rest, slope); rest may be null, slope 1 is no
// activation. mean and inv [channels] are the batch's, var too (biased).
void norm_forward(const half *z, const half *rest, half *y, long rows, int channels, const float *gamma, const float *beta, float eps, float slope, float *mean, float *inv, float *var) {
    std::vector<double> s(channels), q(channels);
    std::vector<float> a(channels), b(channels);
    for (long r = 0; r < rows;) {
        long end = r + 64 < rows ? r + 64 : rows;
        for (int c = 0; c < channels; c++) a[c] = b[c] = 0;
        for (; r < end; r++) {
            const half *row = z + r * channels;
            float *pa = a.data(), *pb = b.data();
            for (int c = 0; c < channels; c++) {
                float v = wide(row[c]);
                pa[c] += v;
                pb[c] += v * v;
            }
        }
        for (int c = 0; c < channels; c++) s[c] += a[c], q[c] += b[c];
    }
    for (int c = 0; c < channels; c++) {
        double m = s[c] / rows, v = q[c] / rows - m * m;
        if (v < 0) v = 0;
        mean[c] = (float)m;
        var[c] = (float)v;
        inv[c] = (float)(1 / __builtin_sqrt(v + eps));
        a[c] = gamma[c] * inv[c];
        b[c] = beta[c] - mean[c] * a[c];
    }
    const float *pa = a.data(), *pb = b.data();
    for (long r = 0; r < rows; r++) {
        const half *row = z + r * channels;
        half *to = y + r * channels;
        if (rest) {
            const half *add = rest + r * channels;
            for (int c = 0; c < channels; c++) {
                float v = wide(row[c]) * pa[c] + pb[c] + wide(add[c]);
                to[c] = narrow(v > 0 ? v : v * slope);
            }
        } else {
            for (int c = 0; c < channels; c++) {
                float v = wide(row[c]) * pa[c] + pb[c];
                to[c] = narrow(v > 0 ? v : v * slope);
            }
        }
    }
}

// Gradients of norm_forward: gz, and grest where it is not null; ggamma, gbeta [channels].
void norm_backward(const half *gy, const half *y, const half *z, half *gz, half *grest, long rows, int channels, const float *gamma, const float *mean, const float *inv, float slope, float *ggamma, float *gbeta) {
    std::vector<double> s(channels), q(channels);
    std::vector<float> a(channels), b(channels), k(channels);
    for (long r = 0; r < rows;) {
        long end = r + 64 < rows ? r + 64 : rows;
        for (int c = 0; c < channels; c++) a[c] = b[c] = 0;
        for (; r < end; r++) {
            const half *g = gy + r * channels, *o = y + r * channels, *x = z + r * channels;
            float *pa = a.data(), *pb = b.data();
            for (int c = 0; c < channels; c++) {
                float v = wide(g[c]);
                v = wide(o[c]) > 0 ? v : v * slope;
                pa[c] += v;
                pb[c] += v * (wide(x[c]) - mean[c]);
            }
        }
        for (int c = 0; c < channels; c++) s[c] += a[c], q[c] += b[c];
    }
    for (int c = 0; c < channels; c++) {
        gbeta[c] = (float)s[c];
        ggamma[c] = (float)(q[c] * inv[c]);
        k[c] = gamma[c] * inv[c];                                // of the gradient itself
        b[c] = (float)(-k[c] * inv[c] * inv[c] * q[c] / rows);   // of z
        a[c] = (float)(-k[c] * s[c] / rows) - b[c] * mean[c];
    }
    const float *pa = a.data(), *pb = b.data(), *pk = k.data();
    for (long r = 0; r < rows; r++) {
        const half *g = gy + r * channels, *o = y + r * channels, *x = z + r * channels;
        half *to = gz + r * channels;
        if (grest) {
            half *other = grest + r * channels;
            for (int c = 0; c < channels; c++) {
                float v = wide(g[c]);
                v = wide(o[c]) > 0 ? v : v * slope;
                other[c] = narrow(v);
                to[c] = narrow(v * pk[c] + wide(x[c]) * pb[c] + pa[c]);
            }
        } else {
            for (int c = 0; c < channels; c++) {
                float v = wide(g[c]);
                v = wide(o[c]) > 0 ? v : v * slope;
                to[c] = narrow(v * pk[c] + wide(x[c]) * pb[c] + pa[c]);
            }
        }
    }
}
}
