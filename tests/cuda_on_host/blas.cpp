// cuBLAS, as far as CuPy's everyday functions call it: matrices stand by columns, and all is done at once.
// Products go to the BLAS that came with NumPy. What is missing here answers "not supported" (see building.py).
#include <cmath>
#include <cstring>
#include <vector>

typedef long long Long;
extern "C" {
extern unsigned long long host_counters[];
typedef void Product(const char*, const char*, const Long*, const Long*, const Long*, const void*, const void*,
                     const Long*, const void*, const Long*, const void*, void*, const Long*);
static Product *product_of_floats, *product_of_doubles;
void host_set_products(Product* floats, Product* doubles) {
    product_of_floats = floats;
    product_of_doubles = doubles;
}
}
static int counted() { host_counters[1]++; return 0; }

enum Type { FLOAT = 0, DOUBLE = 1, HALF = 2, BFLOAT = 14 };
enum { COMPUTE_IN_HALF = 64, COMPUTE_IN_DOUBLE = 70 };

static float widened(unsigned short bits) {
    unsigned wide = (unsigned)bits << 16;
    float x;
    memcpy(&x, &wide, 4);
    return x;
}
static unsigned short narrowed(float x) {
    unsigned wide;
    memcpy(&wide, &x, 4);
    return x != x ? 0x7fc0 : (wide + 0x7fffu + (wide >> 16 & 1u)) >> 16;
}
static double get(const void* from, Type type, Long i) {
    switch (type) {
        case FLOAT: return ((const float*)from)[i];
        case DOUBLE: return ((const double*)from)[i];
        case HALF: return ((const _Float16*)from)[i];
        default: return widened(((const unsigned short*)from)[i]);
    }
}
static void put(void* to, Type type, Long i, double x) {
    switch (type) {
        case FLOAT: ((float*)to)[i] = (float)x; return;
        case DOUBLE: ((double*)to)[i] = x; return;
        case HALF: ((_Float16*)to)[i] = (_Float16)(float)x; return;
        default: ((unsigned short*)to)[i] = narrowed((float)x);
    }
}
struct Matrix { const void* at; Type type; int lead; };

// c = alpha op(a) op(b) + beta c; where the types differ, or are of 16 bits, in float32.
static int product(int ta, int tb, int m, int n, int k, double alpha, Matrix a, Matrix b, double beta, Matrix c) {
    if (a.type == c.type && b.type == c.type && (c.type == FLOAT || c.type == DOUBLE)) {
        Long sizes[] = {m, n, k}, leads[] = {a.lead, b.lead, c.lead};
        float small_alpha = (float)alpha, small_beta = (float)beta;
        const char *of_a = ta ? "T" : "N", *of_b = tb ? "T" : "N";
        if (c.type == FLOAT)
            product_of_floats(of_a, of_b, sizes, sizes + 1, sizes + 2, &small_alpha, a.at, leads, b.at, leads + 1,
                              &small_beta, (void*)c.at, leads + 2);
        else
            product_of_doubles(of_a, of_b, sizes, sizes + 1, sizes + 2, &alpha, a.at, leads, b.at, leads + 1, &beta,
                               (void*)c.at, leads + 2);
        return 0;
    }
    std::vector<float> x((Long)m * k), y((Long)k * n), z((Long)m * n);
    for (Long i = 0; i < m; ++i)
        for (Long j = 0; j < k; ++j) x[i + j * m] = (float)get(a.at, a.type, ta ? j + i * a.lead : i + j * a.lead);
    for (Long i = 0; i < k; ++i)
        for (Long j = 0; j < n; ++j) y[i + j * k] = (float)get(b.at, b.type, tb ? j + i * b.lead : i + j * b.lead);
    product(0, 0, m, n, k, 1, {x.data(), FLOAT, m}, {y.data(), FLOAT, k}, 0, {z.data(), FLOAT, m});
    for (Long i = 0; i < m; ++i)
        for (Long j = 0; j < n; ++j) {
            Long at = i + j * c.lead;
            put((void*)c.at, c.type, at, alpha * z[i + j * m] + (beta ? beta * get(c.at, c.type, at) : 0));
        }
    return 0;
}
static double scalar(const void* at, int compute) {
    return get(at, compute == COMPUTE_IN_DOUBLE ? DOUBLE : compute == COMPUTE_IN_HALF ? HALF : FLOAT, 0);
}
static const void* moved(const void* at, Type type, Long by) {
    return (const char*)at + by * (type == DOUBLE ? 8 : type == FLOAT ? 4 : 2);
}

extern "C" {
int cublasCreate_v2(void** handle) { *handle = host_counters; return 0; }
int cublasDestroy_v2(void*) { return 0; }
int cublasGetVersion_v2(void*, int* version) { *version = 120900; return 0; }
int cublasSetStream_v2(void*, void*) { return 0; }
int cublasGetStream_v2(void*, void** stream) { *stream = nullptr; return 0; }
static int pointer_mode, math_mode;
int cublasGetPointerMode_v2(void*, int* mode) { *mode = pointer_mode; return 0; }
int cublasSetPointerMode_v2(void*, int mode) { pointer_mode = mode; return 0; }
int cublasGetMathMode(void*, int* mode) { *mode = math_mode; return 0; }
int cublasSetMathMode(void*, int mode) { math_mode = mode; return 0; }

int cublasGemmStridedBatchedEx(void*, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, Type of_a,
                               int lda, Long step_a, const void* b, Type of_b, int ldb, Long step_b, const void* beta,
                               void* c, Type of_c, int ldc, Long step_c, int count, int compute, int) {
    for (Long i = 0; i < count; ++i)
        product(ta, tb, m, n, k, scalar(alpha, compute), {moved(a, of_a, i * step_a), of_a, lda},
                {moved(b, of_b, i * step_b), of_b, ldb}, scalar(beta, compute), {moved(c, of_c, i * step_c), of_c, ldc});
    return counted();
}
int cublasGemmEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, Type of_a, int lda,
                 const void* b, Type of_b, int ldb, const void* beta, void* c, Type of_c, int ldc, int compute, int) {
    return cublasGemmStridedBatchedEx(handle, ta, tb, m, n, k, alpha, a, of_a, lda, 0, b, of_b, ldb, 0, beta, c, of_c,
                                      ldc, 0, 1, compute, 0);
}
int cublasSgemmEx(void* handle, int ta, int tb, int m, int n, int k, const float* alpha, const void* a, Type of_a, int lda,
                  const void* b, Type of_b, int ldb, const float* beta, void* c, Type of_c, int ldc) {
    return cublasGemmEx(handle, ta, tb, m, n, k, alpha, a, of_a, lda, b, of_b, ldb, beta, c, of_c, ldc, 68, 0);
}

#define FOR_TYPE(S, T, TYPE, COMPUTE) \
    int cublas##S##gemm_v2(void* handle, int ta, int tb, int m, int n, int k, const T* alpha, const T* a, int lda, \
                           const T* b, int ldb, const T* beta, T* c, int ldc) { \
        return cublasGemmEx(handle, ta, tb, m, n, k, alpha, a, TYPE, lda, b, TYPE, ldb, beta, c, TYPE, ldc, COMPUTE, 0); \
    } \
    int cublas##S##gemmStridedBatched(void* handle, int ta, int tb, int m, int n, int k, const T* alpha, const T* a, \
                                      int lda, Long step_a, const T* b, int ldb, Long step_b, const T* beta, T* c, \
                                      int ldc, Long step_c, int count) { \
        return cublasGemmStridedBatchedEx(handle, ta, tb, m, n, k, alpha, a, TYPE, lda, step_a, b, TYPE, ldb, step_b, \
                                          beta, c, TYPE, ldc, step_c, count, COMPUTE, 0); \
    } \
    int cublas##S##gemmBatched(void*, int ta, int tb, int m, int n, int k, const T* alpha, const T** a, int lda, \
                               const T** b, int ldb, const T* beta, T** c, int ldc, int count) { \
        for (int i = 0; i < count; ++i) \
            product(ta, tb, m, n, k, *alpha, {a[i], TYPE, lda}, {b[i], TYPE, ldb}, *beta, {c[i], TYPE, ldc}); \
        return counted(); \
    } \
    int cublas##S##gemv_v2(void*, int ta, int m, int n, const T* alpha, const T* a, int lda, const T* x, int step_x, \
                           const T* beta, T* y, int step_y) { \
        for (Long i = 0; i < (ta ? n : m); ++i) { \
            T sum = 0; \
            for (Long j = 0; j < (ta ? m : n); ++j) sum += a[ta ? j + i * lda : i + j * lda] * x[j * step_x]; \
            y[i * step_y] = *alpha * sum + (*beta ? *beta * y[i * step_y] : T(0)); \
        } \
        return counted(); \
    } \
    int cublas##S##dot_v2(void*, int n, const T* x, int step_x, const T* y, int step_y, T* result) { \
        T sum = 0; \
        for (Long i = 0; i < n; ++i) sum += x[i * step_x] * y[i * step_y]; \
        *result = sum; \
        return counted(); \
    }
FOR_TYPE(S, float, FLOAT, 68)
FOR_TYPE(D, double, DOUBLE, 70)
}
