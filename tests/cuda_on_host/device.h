// What a CUDA kernel may say, said in C++ for the host. Included before every kernel's source.
//
// A kernel's body runs as a plain function, once for each thread; who it is stands in `host_index`, which
// driver.cpp sets. Barriers and shuffles suspend the body, and driver.cpp goes on with the block's other threads.
#pragma once
#include <cassert>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <math.h>
#include <tuple>
#include <type_traits>
#include <utility>

#define __CUDACC_VER_MAJOR__ 12
#define __CUDA_ARCH__ 900
#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define THRUST_NAMESPACE_BEGIN namespace thrust {
#define THRUST_NAMESPACE_END }
#define __align__(n) __attribute__((aligned(n)))

struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct HostIndex { uint3 thread, block; dim3 block_size, grid_size; };

extern "C" {
extern HostIndex host_index;
void* host_dynamic_shared();
void host_barrier(int of_warp);
unsigned long long host_shuffle(unsigned long long mine, int lane);
}
#define threadIdx host_index.thread
#define blockIdx host_index.block
#define blockDim host_index.block_size
#define gridDim host_index.grid_size
static const int warpSize = 32;

// Barriers, fences and warps.
inline void __syncthreads() { host_barrier(0); }
inline void __syncwarp(unsigned = 0xffffffffu) { host_barrier(1); }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline int host_lane() {
    return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32;
}
template <class T> T host_from_lane(T value, int lane) {
    static_assert(sizeof(T) <= 8, "shuffles are for at most eight bytes");
    unsigned long long bits = 0;
    memcpy(&bits, &value, sizeof(T));
    bits = host_shuffle(bits, lane);
    memcpy(&value, &bits, sizeof(T));
    return value;
}
template <class T> T __shfl_sync(unsigned, T value, int from, int width = 32) {
    int lane = host_lane();
    return host_from_lane(value, lane / width * width + from % width);
}
template <class T> T __shfl_xor_sync(unsigned, T value, int mask, int width = 32) {
    int lane = host_lane(), from = lane ^ mask;
    return host_from_lane(value, from / width <= lane / width ? from : lane);
}
template <class T> T __shfl_down_sync(unsigned, T value, unsigned delta, int width = 32) {
    int lane = host_lane(), from = lane + (int)delta;
    return host_from_lane(value, from / width == lane / width ? from : lane);
}
template <class T> T __shfl_up_sync(unsigned, T value, unsigned delta, int width = 32) {
    int lane = host_lane(), from = lane - (int)delta;
    return host_from_lane(value, from >= lane / width * width ? from : lane);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    unsigned votes = 0;
    for (int lane = 0; lane < 32; ++lane)
        if (mask >> lane & 1u) votes |= (unsigned)host_from_lane<int>(predicate != 0, lane) << lane;
    return votes;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }
inline unsigned __activemask() { return 0xffffffffu; }

// Atomics: threads take turns only at barriers, so plain arithmetic is atomic.
#define HOST_ATOMIC(name, T, result) \
    inline T name(T* at, T value) { T old = *at; *at = (result); return old; }
#define HOST_ATOMICS(T) \
    HOST_ATOMIC(atomicAdd, T, old + value) HOST_ATOMIC(atomicExch, T, value)
#define HOST_INTEGER_ATOMICS(T) \
    HOST_ATOMIC(atomicMax, T, old > value ? old : value) HOST_ATOMIC(atomicMin, T, old < value ? old : value) \
    HOST_ATOMIC(atomicAnd, T, old & value) HOST_ATOMIC(atomicOr, T, old | value) HOST_ATOMIC(atomicXor, T, old ^ value) \
    inline T atomicCAS(T* at, T expected, T value) { T old = *at; if (old == expected) *at = value; return old; }
HOST_ATOMICS(int) HOST_ATOMICS(unsigned) HOST_ATOMICS(unsigned long long) HOST_ATOMICS(float) HOST_ATOMICS(double)
HOST_INTEGER_ATOMICS(int) HOST_INTEGER_ATOMICS(unsigned) HOST_INTEGER_ATOMICS(unsigned long long)
HOST_INTEGER_ATOMICS(long long)
HOST_ATOMIC(atomicSub, int, old - value) HOST_ATOMIC(atomicSub, unsigned, old - value)
HOST_ATOMIC(atomicInc, unsigned, old >= value ? 0u : old + 1u)

// Integers and bits.
template <class To, class From> To host_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same size");
    To to;
    memcpy(&to, &from, sizeof(to));
    return to;
}
inline int __float_as_int(float x) { return host_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return host_bits<unsigned>(x); }
inline float __int_as_float(int x) { return host_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return host_bits<float>(x); }
inline long long __double_as_longlong(double x) { return host_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return host_bits<double>(x); }
inline int __double2hiint(double x) { return (int)(host_bits<unsigned long long>(x) >> 32); }
inline int __double2loint(double x) { return (int)host_bits<unsigned long long>(x); }
inline double __hiloint2double(int high, int low) {
    return host_bits<double>((unsigned long long)(unsigned)high << 32 | (unsigned)low);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
template <class T> T __ldg(const T* at) { return *at; }
inline void __trap() { __builtin_trap(); }
inline long long clock64() { return 0; }

// Mathematics that the C library lacks or calls otherwise; `min` and `max` of mixed types.
template <class A, class B> using host_both = std::enable_if_t<
    std::is_arithmetic<A>::value && std::is_arithmetic<B>::value, std::common_type_t<A, B>>;
template <class A, class B> constexpr host_both<A, B> min(A a, B b) {
    using T = host_both<A, B>;
    if constexpr (std::is_floating_point<T>::value) return std::fmin((T)a, (T)b);
    else return (T)a < (T)b ? (T)a : (T)b;
}
template <class A, class B> constexpr host_both<A, B> max(A a, B b) {
    using T = host_both<A, B>;
    if constexpr (std::is_floating_point<T>::value) return std::fmax((T)a, (T)b);
    else return (T)a > (T)b ? (T)a : (T)b;
}
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrt(float x) { return 1.0f / sqrtf(x); }
inline double rcbrt(double x) { return 1.0 / cbrt(x); }
inline double exp10(double x) { return pow(10.0, x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __frsqrt_rn(float x) { return 1.0f / sqrtf(x); }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __saturatef(float x) { return fminf(fmaxf(x, 0.0f), 1.0f); }
inline float __int2float_rn(int x) { return (float)x; }
inline float __uint2float_rn(unsigned x) { return (float)x; }
inline int __float2int_rn(float x) { return (int)nearbyintf(x); }
inline double sinpi(double x) { return sin(M_PI * x); }
inline double cospi(double x) { return cos(M_PI * x); }
inline double normcdf(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }
inline double erfcx(double x) { return exp(x * x) * erfc(x); }

// Small vectors.
#define HOST_VECTORS(T, name) \
    struct __align__(2 * sizeof(T)) name##2 { T x, y; }; \
    struct name##3 { T x, y, z; }; \
    struct __align__(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { T x, y, z, w; }; \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; } \
    inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; } \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
#define uint3 host_uint3
HOST_VECTORS(float, float) HOST_VECTORS(double, double) HOST_VECTORS(int, int) HOST_VECTORS(unsigned, uint)
HOST_VECTORS(short, short) HOST_VECTORS(unsigned char, uchar) HOST_VECTORS(unsigned long long, ulonglong)
#undef uint3

// The two 16-bit floats: stored in 16 bits, computed in 32, rounded to nearest even.
struct __half_raw { unsigned short x; };
struct __half {
    _Float16 value;
    __half() = default;
    __half(const __half_raw& raw) : value(host_bits<_Float16>(raw.x)) {}
    template <class T, class = std::enable_if_t<std::is_arithmetic<T>::value>> __half(T x) : value((_Float16)x) {}
    operator float() const { return (float)value; }
    operator __half_raw() const { return {host_bits<unsigned short>(value)}; }
};
typedef __half half;
inline __half __float2half(float x) { return __half(x); }
inline __half __float2half_rn(float x) { return __half(x); }
inline float __half2float(__half x) { return (float)x; }
inline unsigned short __half_as_ushort(__half x) { return host_bits<unsigned short>(x.value); }
inline __half __ushort_as_half(unsigned short bits) { return __half(__half_raw{bits}); }

struct __nv_bfloat16 {
    unsigned short bits;
    __nv_bfloat16() = default;
    __nv_bfloat16(float x) {
        unsigned wide = __float_as_uint(x);
        bits = x != x ? 0x7fc0 : (wide + 0x7fffu + (wide >> 16 & 1u)) >> 16;
    }
    operator float() const { return __uint_as_float((unsigned)bits << 16); }
};
inline bool __hisnan(__nv_bfloat16 x) { return std::isnan((float)x); }
inline int __hisinf(__nv_bfloat16 x) { return std::isinf((float)x); }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) {
    __nv_bfloat16 x;
    x.bits = bits;
    return x;
}

// The way into a kernel: its arguments are taken from where the launch put them, by the types it declares.
template <class... Args, size_t... I>
void host_call(void (*kernel)(Args...), void** at, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_const_t<Args>*>(at[I])...);
}
template <class... Args> void host_call(void (*kernel)(Args...), void** at) {
    host_call(kernel, at, std::index_sequence_for<Args...>());
}
#define HOST_ENTRY(name, ...) \
    extern "C" void host_entry_##name(void** at) { host_call(__VA_ARGS__, at); }
