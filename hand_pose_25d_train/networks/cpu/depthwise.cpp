// Depthwise convolution with its bias and a clamp, and its gradients, for training on a CPU.
//
// Tensors lie channels last, (N, H, W, C), in float32 or bfloat16; kernels and biases are float32,
// (k, k, C) and (C).  Sixteen channels of an image at a time are copied into a padded buffer that
// stays in the cache, so that one pass over the memory gives the gradients of input, kernel and
// bias.  Sums are float32.  Compiled and called by depthwise_cpu.py.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace {

constexpr int LANES = 16;
typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

using Buffer = std::unique_ptr<Vec[]>;  // `new` aligns it and, with (), fills it with zeros

inline Vec read(const float* p) {
    Vec v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

inline Vec read(const uint16_t* p) {
    Halves h;
    std::memcpy(&h, p, sizeof h);
    return (Vec)(__builtin_convertvector(h, Bits) << 16);
}

inline void write(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }

inline void write(uint16_t* p, Vec v) {  // to the nearest bfloat16, ties to even
    Bits bits = (Bits)v;
    const Bits rounded = bits + 0x7fff + ((bits >> 16) & 1);
    const Bits quiet = Bits{} + 0x7fc00000u;
    bits = v == v ? rounded : quiet;  // a NaN must not be carried into an infinity
    const Halves h = __builtin_convertvector(bits >> 16, Halves);
    std::memcpy(p, &h, sizeof h);
}

template <class T>
inline Vec read(const T* p, int width) {
    if (width == LANES) return read(p);
    T padded[LANES] = {};
    std::copy(p, p + width, padded);
    return read(padded);
}

template <class T>
inline void write(T* p, Vec v, int width) {
    if (width == LANES) return write(p, v);
    T padded[LANES];
    write(padded, v);
    std::copy(padded, padded + width, p);
}

struct Shape {
    int64_t images, channels, height, width, out_height, out_width, stride, top, left;
};

// Copy sixteen channels of an image to where its padding has them; what lies outside is dropped.
template <class Get>
void place(Get get, int64_t height, int64_t width, int64_t stride, int64_t top, int64_t left,
           Vec* buffer, int64_t rows, int64_t columns) {
    for (int64_t y = 0; y < height; ++y) {
        const int64_t row = y * stride + top;
        if (row < 0 || row >= rows) continue;
        for (int64_t x = 0; x < width; ++x) {
            const int64_t column = x * stride + left;
            if (column < 0 || column >= columns) continue;
            buffer[row * columns + column] = get(y * width + x);
        }
    }
}

// Correlate a padded buffer with a kernel: `put(pixel, sum)` for every output.
template <int K, class Put>
void correlate(const Vec* buffer, int64_t columns, const Vec* kernel, Vec bias, int64_t height,
               int64_t width, int64_t stride, Put put) {
    constexpr int TILE = 7;  // sums at a time; the networks' maps are 7, 14, 28, 56 pixels wide
    for (int64_t y = 0; y < height; ++y) {
        const Vec* rows = buffer + y * stride * columns;
        int64_t x = 0;
        for (; x + TILE <= width; x += TILE) {
            Vec sum[TILE];
#pragma GCC unroll 7
            for (int i = 0; i < TILE; ++i) sum[i] = bias;
#pragma GCC unroll 5
            for (int v = 0; v < K; ++v)
#pragma GCC unroll 5
                for (int u = 0; u < K; ++u)
#pragma GCC unroll 7
                    for (int i = 0; i < TILE; ++i)
                        sum[i] += kernel[v * K + u] * rows[v * columns + (x + i) * stride + u];
#pragma GCC unroll 7
            for (int i = 0; i < TILE; ++i) put(y * width + x + i, sum[i]);
        }
        for (; x < width; ++x) {
            Vec sum = bias;
            for (int v = 0; v < K; ++v)
                for (int u = 0; u < K; ++u)
                    sum += kernel[v * K + u] * rows[v * columns + x * stride + u];
            put(y * width + x, sum);
        }
    }
}

// Add to `kernel` the products of the padded input with the gradient, which lies in a buffer too.
template <int K>
void correlate_gradient(const Vec* input, int64_t columns, const Vec* gradient, int64_t pitch,
                        const Shape& s, Vec* kernel, Vec& bias) {
    Vec sum[K * K] = {};
    Vec total = {};
    for (int64_t y = 0; y < s.out_height; ++y)
        for (int64_t x = 0; x < s.out_width; ++x) {
            const Vec g = gradient[y * s.stride * pitch + x * s.stride];
            const Vec* at = input + y * s.stride * columns + x * s.stride;
            total += g;
#pragma GCC unroll 5
            for (int v = 0; v < K; ++v)
#pragma GCC unroll 5
                for (int u = 0; u < K; ++u) sum[v * K + u] += g * at[v * columns + u];
        }
    for (int i = 0; i < K * K; ++i) kernel[i] += sum[i];
    bias += total;
}

void in_parallel(int64_t count, int threads, const auto& work) {
    threads = static_cast<int>(std::min<int64_t>(threads, count));
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t)
        others.emplace_back([&, t] { work(count * t / threads, count * (t + 1) / threads, t); });
    work(0, count / std::max(threads, 1), 0);
    for (auto& other : others) other.join();
}

template <int K, class T>
void forward(const T* x, const float* weight, const float* bias, T* y, const Shape& s, float low,
             float high, int threads) {
    const int64_t columns = (s.out_width - 1) * s.stride + K;
    // Some rows at a time: what stays in the second level of a cache.
    const int64_t fitting = std::max<int64_t>((1600 / columns - K) / s.stride + 1, 1);
    const int64_t band = std::min(fitting, s.out_height);
    const int64_t rows = (band - 1) * s.stride + K;
    in_parallel(s.images, threads, [&](int64_t begin, int64_t end, int) {
        const Buffer memory(new Vec[rows * columns]());
        Vec* const buffer = memory.get();
        for (int64_t n = begin; n < end; ++n)
            for (int64_t c = 0; c < s.channels; c += LANES) {
                const int width = static_cast<int>(std::min<int64_t>(LANES, s.channels - c));
                Vec kernel[K * K];
                for (int i = 0; i < K * K; ++i) kernel[i] = read(weight + i * s.channels + c, width);
                for (int64_t start = 0; start < s.out_height; start += band) {
                    const int64_t top = start * s.stride - s.top;  // the buffer's first row
                    const int64_t from = std::clamp<int64_t>(top, 0, s.height);
                    const int64_t until = std::clamp<int64_t>(top + rows, from, s.height);
                    const T* in = x + (n * s.height + from) * s.width * s.channels + c;
                    T* out = y + (n * s.out_height + start) * s.out_width * s.channels + c;
                    std::fill(buffer, buffer + (from - top) * columns, Vec{});
                    std::fill(buffer + (until - top) * columns, buffer + rows * columns,
                              Vec{});
                    place([&](int64_t p) { return read(in + p * s.channels, width); },
                          until - from, s.width, 1, from - top, s.left, buffer, rows, columns);
                    correlate<K>(buffer, columns, kernel, read(bias + c, width),
                                 std::min(band, s.out_height - start), s.out_width, s.stride,
                                 [&](int64_t p, Vec v) {
                                     v = v < low ? Vec{} + low : v;
                                     v = v > high ? Vec{} + high : v;
                                     write(out + p * s.channels, v, width);
                                 });
                }
            }
    });
}

template <int K, class T>
void backward(const T* gradient, const T* x, const T* y, const float* weight, T* of_x,
              float* of_weight, float* of_bias, const Shape& s, float low, float high,
              int threads) {
    const int64_t rows = (s.out_height - 1) * s.stride + K;
    const int64_t columns = (s.out_width - 1) * s.stride + K;
    const int64_t top = K - 1 - s.top, left = K - 1 - s.left;
    // Large enough for the input's gradient, and for every output's even where none looks at it.
    const int64_t tall = std::max(s.height + K - 1, (s.out_height - 1) * s.stride + top + 1);
    const int64_t pitch = std::max(s.width + K - 1, (s.out_width - 1) * s.stride + left + 1);
    const int64_t blocks = (s.channels + LANES - 1) / LANES;
    std::vector<Buffer> sums;
    for (int t = 0; t < threads; ++t) sums.emplace_back(new Vec[blocks * (K * K + 1)]());
    in_parallel(s.images, threads, [&](int64_t begin, int64_t end, int t) {
        const Buffer inputs(new Vec[rows * columns]()), spreads(new Vec[tall * pitch]());
        Vec *const input = inputs.get(), *const spread = spreads.get();
        for (int64_t n = begin; n < end; ++n)
            for (int64_t c = 0; c < s.channels; c += LANES) {
                const int width = static_cast<int>(std::min<int64_t>(LANES, s.channels - c));
                const int64_t start = n * s.height * s.width * s.channels + c;
                const int64_t out = n * s.out_height * s.out_width * s.channels + c;
                place([&](int64_t p) { return read(x + start + p * s.channels, width); },
                      s.height, s.width, 1, s.top, s.left, input, rows, columns);
                place(
                    [&](int64_t p) {
                        const Vec value = read(y + out + p * s.channels, width);
                        const Vec g = read(gradient + out + p * s.channels, width);
                        return ((value > low) & (value < high)) ? g : Vec{};
                    },
                    s.out_height, s.out_width, s.stride, top, left, spread, tall, pitch);
                Vec* sum = &sums[t][0] + c / LANES * (K * K + 1);
                correlate_gradient<K>(input, columns, spread + top * pitch + left, pitch,
                                      s, sum, sum[K * K]);
                if (of_x == nullptr) continue;
                Vec turned[K * K];
                for (int i = 0; i < K * K; ++i)
                    turned[i] = read(weight + (K * K - 1 - i) * s.channels + c, width);
                correlate<K>(spread, pitch, turned, Vec{}, s.height, s.width, 1,
                             [&](int64_t p, Vec v) {
                                 write(of_x + start + p * s.channels, v, width);
                             });
            }
    });
    for (int64_t c = 0; c < s.channels; ++c)
        for (int i = 0; i <= K * K; ++i) {
            float total = 0;
            for (auto& sum : sums) total += sum[c / LANES * (K * K + 1) + i][c % LANES];
            (i < K * K ? of_weight[i * s.channels + c] : of_bias[c]) = total;
        }
}

}  // namespace

#define DEFINE(NAME, K, T)                                                                       \
    extern "C" void forward_##NAME(const T* x, const float* weight, const float* bias, T* y,     \
                                   const int64_t* shape, float low, float high, int threads) {   \
        Shape s;                                                                                 \
        std::memcpy(&s, shape, sizeof s);                                                        \
        forward<K, T>(x, weight, bias, y, s, low, high, threads);                                \
    }                                                                                            \
    extern "C" void backward_##NAME(const T* gradient, const T* x, const T* y,                   \
                                    const float* weight, T* of_x, float* of_weight,              \
                                    float* of_bias, const int64_t* shape, float low, float high, \
                                    int threads) {                                               \
        Shape s;                                                                                 \
        std::memcpy(&s, shape, sizeof s);                                                        \
        backward<K, T>(gradient, x, y, weight, of_x, of_weight, of_bias, s, low, high, threads); \
    }

DEFINE(3_bfloat16, 3, uint16_t)
DEFINE(5_bfloat16, 5, uint16_t)
DEFINE(3_float32, 3, float)
DEFINE(5_float32, 5, float)
