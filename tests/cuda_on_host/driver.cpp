// CUDA's driver, runtime and runtime compiler, as far as CuPy calls them, on the host's memory and processor.
//
// `cu…` and `nvrtc…` are found by their names; `cudart_…` are put in place of the CUDA runtime that CuPy's own
// module contains (__init__.py does that). Everything happens at once and in order: a stream is a number, an event a
// moment, a launch returns when the grid is done.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <map>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

struct Three { unsigned x, y, z; };
typedef size_t Size;

extern "C" {

// ------------------------------------------------------------------------------------------ what is counted
struct Counters {
    unsigned long long launches, products, to_device, to_host, within, fills, waits, allocations, bytes_to_device,
        bytes_to_host, compiled;
} host_counters;
int host_refuse(const char* name) {
    fprintf(stderr, "cuda_on_host: there is no %s\n", name);
    return 801;  // cudaErrorNotSupported
}

// ------------------------------------------------------------------------------------------ memory
enum { OK = 0, INVALID = 1, NO_MEMORY = 2 };
static std::recursive_mutex lock;
#define LOCKED std::lock_guard<std::recursive_mutex> guard(lock)
static std::map<char*, Size> blocks;  // what is on the "device"
static Size used, total = Size(8) << 30;
static bool guarded;
static thread_local int last_error;
static int error(int status) { if (status) last_error = status; return status; }

void host_set_memory(Size bytes) { total = bytes; }
void host_set_guarded() { guarded = true; }

// A guarded block ends where a page begins that nobody may touch; there is one before it, too.
static const Size PAGE = 4096;
static Size pages(Size bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }
static char* guarded_block(Size bytes) {
    char* all = (char*)mmap(nullptr, pages(bytes) + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + PAGE, pages(bytes), PROT_READ | PROT_WRITE)) return nullptr;
    return all + PAGE + (pages(bytes) - bytes);  // aligned as its elements want it, for they fill it
}
static void release(char* at, Size bytes) {
    if (guarded) munmap((char*)((Size)at / PAGE * PAGE) - PAGE, pages(bytes) + 2 * PAGE);
    else free(at);
}

static bool on_device(const void* at, Size bytes) {
    auto next = blocks.upper_bound((char*)at);
    if (next == blocks.begin()) return false;
    --next;
    return (char*)at + bytes <= next->first + next->second;
}
int cudart_cudaMalloc(void** at, Size bytes) {
    LOCKED;
    *at = nullptr;
    if (!bytes) return OK;
    if (used + bytes > total) return error(NO_MEMORY);
    if (guarded) *at = guarded_block(bytes);
    else if (posix_memalign(at, 512, bytes)) *at = nullptr;
    if (!*at) return error(NO_MEMORY);
    memset(*at, 0xff, bytes < (1 << 24) ? bytes : 1 << 24);  // NaN: who reads what nobody wrote shall see it
    blocks[(char*)*at] = bytes;
    used += bytes;
    host_counters.allocations++;
    return OK;
}
int cudart_cudaFree(void* at) {
    LOCKED;
    if (!at) return OK;
    auto found = blocks.find((char*)at);
    if (found == blocks.end()) return error(INVALID);
    used -= found->second;
    release(found->first, found->second);
    blocks.erase(found);
    return OK;
}
int cudart_cudaMallocAsync(void** at, Size bytes, void*) { return cudart_cudaMalloc(at, bytes); }
int cudart_cudaFreeAsync(void* at, void*) { return cudart_cudaFree(at); }
int cudart_cudaHostAlloc(void** at, Size bytes, unsigned) { return error(posix_memalign(at, 64, bytes ? bytes : 1) ? NO_MEMORY : OK); }
int cudart_cudaFreeHost(void* at) { free(at); return OK; }
int cudart_cudaMemGetInfo(Size* left, Size* all) { LOCKED; *left = total - used; *all = total; return OK; }

static int copy(void* to, const void* from, Size bytes, int kind) {
    LOCKED;
    if (!bytes) return OK;
    bool to_device = on_device(to, bytes), from_device = on_device(from, bytes);
    if (kind == 4) kind = 2 * from_device + to_device;
    if (bool(kind & 1) != to_device || bool(kind & 2) != from_device) return error(INVALID);
    if (kind == 1) host_counters.to_device++, host_counters.bytes_to_device += bytes;
    if (kind == 2) host_counters.to_host++, host_counters.bytes_to_host += bytes;
    if (kind == 3) host_counters.within++;
    memmove(to, from, bytes);
    return OK;
}
int cudart_cudaMemcpy(void* to, const void* from, Size bytes, int kind) {
    host_counters.waits++;
    return copy(to, from, bytes, kind);
}
int cudart_cudaMemcpyAsync(void* to, const void* from, Size bytes, int kind, void*) { return copy(to, from, bytes, kind); }
int cudart_cudaMemsetAsync(void* at, int value, Size bytes, void*) {
    LOCKED;
    if (bytes && !on_device(at, bytes)) return error(INVALID);
    host_counters.fills++;
    memset(at, value, bytes);
    return OK;
}
int cudart_cudaMemset(void* at, int value, Size bytes) { return cudart_cudaMemsetAsync(at, value, bytes, nullptr); }
struct PointerAttributes { int type, device; void *on_device, *on_host; };
int cudart_cudaPointerGetAttributes(PointerAttributes* result, const void* at) {
    LOCKED;
    bool here = on_device(at, 1);
    *result = {here ? 2 : 0, here ? 0 : -2, here ? (void*)at : nullptr, here ? nullptr : (void*)at};
    return OK;
}

// ------------------------------------------------------------------------------------------ the device
static int attribute(int which) {
    switch (which) {
        case 1: return 1024;              // threads in a block
        case 2: case 3: return 1024;      // of them along x and y
        case 4: return 64;
        case 5: return 2147483647;        // blocks in a grid
        case 6: case 7: return 65535;
        case 8: return 49152;             // bytes of shared memory in a block
        case 9: return 65536;
        case 10: return 32;               // threads in a warp
        case 13: return 1000000;          // kHz
        case 16: return 16;               // multiprocessors
        case 39: return 2048;             // threads in a multiprocessor
        case 75: return 9;                // compute capability
        case 81: case 97: return 101376;
        default: return 0;
    }
}
struct Properties {  // the beginning of CUDA 12's cudaDeviceProp
    char name[256], uuid[16], luid[8];
    unsigned node;
    Size memory, shared;
    int registers, warp;
    Size pitch;
    int threads, block[3], grid[3], clock;
    Size constant;
    int major, minor;
    Size texture[2];
    int overlap, multiprocessors;
};
int cudart_cudaGetDeviceProperties_v2(Properties* result, int) {
    memset((void*)result, 0, sizeof *result);
    *result = {"a pretend GPU on the host", "", "", 0, total, 49152, 65536, 32, 0, 1024, {1024, 1024, 64},
               {2147483647, 65535, 65535}, 1000000, 65536, 9, 0, {512, 512}, 1, 16};
    return OK;
}
int cudart_cudaDeviceGetAttribute(int* result, int which, int) { *result = attribute(which); return OK; }
int cudart_cudaGetDeviceCount(int* count) { *count = 1; return OK; }
int cudart_cudaGetDevice(int* device) { *device = 0; return OK; }
int cudart_cudaSetDevice(int device) { return error(device ? 101 : OK); }
int cudart_cudaDeviceSynchronize() { host_counters.waits++; return OK; }
int cudart_cudaDriverGetVersion(int* version) { *version = 12090; return OK; }
int cudart_cudaRuntimeGetVersion(int* version) { *version = 12090; return OK; }
int cudart_cudaGetLastError() { int found = last_error; last_error = OK; return found; }
const char* cudart_cudaGetErrorName(int status) {
    switch (status) {
        case NO_MEMORY: return "cudaErrorMemoryAllocation";
        case INVALID: return "cudaErrorInvalidValue";
        case 101: return "cudaErrorInvalidDevice";
        case 801: return "cudaErrorNotSupported";
        case 900: return "cudaErrorStreamCaptureUnsupported";
        default: return "cudaErrorUnknown";
    }
}
const char* cudart_cudaGetErrorString(int status) {
    switch (status) {
        case NO_MEMORY: return "out of memory";
        case INVALID: return "invalid argument";
        case 101: return "invalid device ordinal";
        case 801: return "operation not supported";
        case 900: return "operation not permitted when stream is capturing";
        default: return "unknown error";
    }
}

// ------------------------------------------------------------------------------------------ streams and events
static Size handles = 16;
static double now() { timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e3 + t.tv_nsec * 1e-6; }
int cudart_cudaStreamCreate(Size* stream) { LOCKED; *stream = handles += 16; return OK; }
int cudart_cudaStreamCreateWithFlags(Size* stream, unsigned) { return cudart_cudaStreamCreate(stream); }
int cudart_cudaStreamCreateWithPriority(Size* stream, unsigned, int) { return cudart_cudaStreamCreate(stream); }
int cudart_cudaStreamDestroy(Size) { return OK; }
int cudart_cudaStreamSynchronize(Size) { host_counters.waits++; return OK; }
int cudart_cudaStreamQuery(Size) { return OK; }
int cudart_cudaStreamWaitEvent(Size, void*, unsigned) { return OK; }
int cudart_cudaStreamIsCapturing(Size, int* status) { *status = 0; return OK; }
int cudart_cudaStreamBeginCapture(Size, int) { return error(900); }
int cudart_cudaLaunchHostFunc(Size, void (*function)(void*), void* data) { function(data); return OK; }
int cudart_cudaEventCreateWithFlags(double** event, unsigned) { *event = new double(0); return OK; }
int cudart_cudaEventCreate(double** event) { return cudart_cudaEventCreateWithFlags(event, 0); }
int cudart_cudaEventDestroy(double* event) { delete event; return OK; }
int cudart_cudaEventRecord(double* event, Size) { *event = now(); return OK; }
int cudart_cudaEventQuery(double*) { return OK; }
int cudart_cudaEventSynchronize(double*) { host_counters.waits++; return OK; }
int cudart_cudaEventElapsedTime(float* ms, double* from, double* to) { *ms = float(*to - *from); return OK; }

// ------------------------------------------------------------------------------------------ running a grid
// A block whose threads wait for each other: every thread has a stack of its own and runs until it waits or ends.
struct { Three thread, block, block_size, grid_size; } host_index;
enum Way { ALL_AT_ONCE, ONE_BY_ONE, WAITING };  // how the threads of a kernel may be run; see building.py

void host_switch(void** from, void* to);
asm(R"(
.globl host_switch
host_switch:
    pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
    ret
)");

struct Barrier { unsigned members = 0, arrived = 0, round = 0; };
struct Thread { void* stack; Barrier* at; unsigned round; bool done; };
static const Size STACK = 1 << 16;
static char *stacks, *shared;
static std::vector<Thread> threads;
static Barrier whole, warps[32];
static unsigned long long offered[32][32];
static unsigned current;
static void* scheduler;
static void (*entry_of_block)(void**);
static void** arguments_of_block;

void* host_dynamic_shared() { return shared; }

static int backwards;  // whether the last of the blocks and threads comes first
void host_set_backwards(int on) { backwards = on; }

static void pass(Barrier& barrier) { barrier.arrived = 0; barrier.round++; }
void host_barrier(int of_warp) {
    Barrier& barrier = of_warp ? warps[current / 32] : whole;
    if (++barrier.arrived >= barrier.members) { pass(barrier); return; }
    threads[current].at = &barrier;
    threads[current].round = barrier.round;
    host_switch(&threads[current].stack, scheduler);
}
unsigned long long host_shuffle(unsigned long long mine, int lane) {
    unsigned warp = current / 32;
    offered[warp][current % 32] = mine;
    host_barrier(1);
    unsigned long long result = offered[warp][lane];
    host_barrier(1);
    return result;
}
static void leave(Barrier& barrier) {  // who has ended is waited for no longer
    barrier.members--;
    if (barrier.members && barrier.arrived >= barrier.members) pass(barrier);
}
static void begin() {
    entry_of_block(arguments_of_block);
    threads[current].done = true;
    leave(whole);
    leave(warps[current / 32]);
    host_switch(&threads[current].stack, scheduler);
}
static void set_thread(unsigned index) {
    Three size = host_index.block_size;
    host_index.thread = {index % size.x, index / size.x % size.y, index / size.x / size.y};
}
static bool run_block(unsigned count) {
    threads.resize(count);
    whole = {count};
    for (unsigned warp = 0; warp < 32; ++warp)
        warps[warp] = {count > 32 * warp ? (count - 32 * warp < 32 ? count - 32 * warp : 32) : 0};
    for (unsigned i = 0; i < count; ++i) {
        void** top = (void**)(stacks + (i + 1) * STACK) - 3;  // aligned as after a call
        top[-1] = (void*)begin;
        threads[i] = {top - 7, nullptr, 0, false};  // six saved registers below the address to return to
    }
    for (unsigned left = count; left;) {
        bool moved = false;
        for (unsigned i = 0; i < count; ++i) {
            current = backwards ? count - 1 - i : i;
            Thread& thread = threads[current];
            if (thread.done || (thread.at && thread.at->round == thread.round)) continue;
            thread.at = nullptr;
            moved = true;
            set_thread(current);
            host_switch(&scheduler, thread.stack);
            left -= thread.done;
        }
        if (!moved) return false;  // threads wait at different barriers, for ever
    }
    return true;
}

struct Kernel { void (*entry)(void**); Way way; };

int cuLaunchKernel(Kernel* kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared_bytes, void*, void** arguments, void**) {
    LOCKED;
    Size count = Size(bx) * by * bz;
    if (!count || count > 1024 || !gx || !gy || !gz || gy > 65535 || gz > 65535 || shared_bytes > 101376) return 1;
    host_counters.launches++;
    if (!stacks) {
        stacks = (char*)mmap(nullptr, 1024 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        shared = (char*)aligned_alloc(512, 1 << 17);
    }
    if (kernel->way == ALL_AT_ONCE) gx = gy = gz = bx = by = bz = count = 1;
    host_index.grid_size = {gx, gy, gz};
    host_index.block_size = {bx, by, bz};
    entry_of_block = kernel->entry;
    arguments_of_block = arguments;
    Size blocks = Size(gx) * gy * gz;
    for (Size i = 0; i < blocks; ++i) {
        Size block = backwards ? blocks - 1 - i : i;
        host_index.block = {unsigned(block % gx), unsigned(block / gx % gy), unsigned(block / gx / gy)};
        if (kernel->way == WAITING) {
            if (!run_block(count)) return 719;  // CUDA_ERROR_LAUNCH_FAILED
        } else {
            for (unsigned thread = 0; thread < count; ++thread) {
                set_thread(backwards ? count - 1 - thread : thread);
                kernel->entry(arguments);
            }
        }
    }
    return OK;
}

// ------------------------------------------------------------------------------------------ modules and functions
// A module is a shared library: the very bytes are what the compiler below hands out, and what CuPy caches.
int cuModuleLoadData(void** module, const char* image) {
    const Elf64_Ehdr* header = (const Elf64_Ehdr*)image;
    if (memcmp(image, ELFMAG, SELFMAG)) return 200;  // CUDA_ERROR_INVALID_IMAGE
    Size left = header->e_shoff + Size(header->e_shnum) * header->e_shentsize;
    char path[] = "/tmp/cuda_on_host_XXXXXX";  // a name of its own: one that is loaded already is not loaded again
    int file = mkstemp(path);
    for (const char* at = image; left;) {
        ssize_t wrote = write(file, at, left);
        if (wrote <= 0) break;
        at += wrote, left -= wrote;
    }
    close(file);
    *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    unlink(path);
    if (!*module) { fprintf(stderr, "cuda_on_host: %s\n", dlerror()); return 200; }
    return OK;
}
int cuModuleUnload(void* module) { dlclose(module); return OK; }
int cuModuleGetFunction(Kernel** function, void* module, const char* name) {
    void* entry = dlsym(module, ("host_entry_" + std::string(name)).c_str());
    int* way = (int*)dlsym(module, "host_way");
    if (!entry || !way) return 500;  // CUDA_ERROR_NOT_FOUND
    *function = new Kernel{(void (*)(void**))entry, Way(*way)};
    return OK;
}
int cuModuleGetGlobal(void** at, Size* bytes, void* module, const char* name) {
    Dl_info info;
    Elf64_Sym* symbol;
    *at = dlsym(module, name);
    if (!*at || !dladdr1(*at, &info, (void**)&symbol, RTLD_DL_SYMENT) || !symbol) return 500;
    *bytes = symbol->st_size;
    LOCKED;
    blocks[(char*)*at] = symbol->st_size;
    return OK;
}
int cuFuncGetAttribute(int* value, int which, Kernel*) {
    *value = which == 0 ? 1024 : which == 4 ? 32 : which == 5 || which == 6 ? 90 : 0;
    return OK;
}
int cuFuncSetAttribute(Kernel*, int, int) { return OK; }
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel*, int size, Size) { *blocks = 2048 / size; return OK; }
int cuOccupancyMaxPotentialBlockSize(int* grid, int* block, Kernel*, void*, Size, int limit) {
    *block = limit && limit < 1024 ? limit : 1024;
    *grid = 32;
    return OK;
}
int cuCtxGetCurrent(void** context) { *context = (void*)&host_counters; return OK; }
int cuCtxSetCurrent(void*) { return OK; }
int cuCtxGetDevice(int* device) { *device = 0; return OK; }
int cuStreamGetCtx(void*, void** context) { return cuCtxGetCurrent(context); }
int cuDevicePrimaryCtxRelease(int) { return OK; }
int cuGetErrorName(int status, const char** text) {
    *text = status == 1 ? "CUDA_ERROR_INVALID_VALUE" : status == 200 ? "CUDA_ERROR_INVALID_IMAGE"
          : status == 500 ? "CUDA_ERROR_NOT_FOUND" : status == 719 ? "CUDA_ERROR_LAUNCH_FAILED" : "CUDA_ERROR_UNKNOWN";
    return OK;
}
int cuGetErrorString(int status, const char** text) { return cuGetErrorName(status, text); }

}  // extern "C"

// ------------------------------------------------------------------------------------------ the runtime compiler
struct Program { std::string source, options, names, log, code; };
typedef void (*Compile)(Program*, const char* source, const char* options, const char* names);
static Compile compile;

extern "C" {
void host_set_compiler(Compile function) { compile = function; }
void host_set_result(Program* program, const char* code, Size size, const char* log) {
    program->code.assign(code, size);
    program->log = log;
}
int nvrtcVersion(int* major, int* minor) { *major = 12; *minor = 9; return OK; }
int nvrtcGetNumSupportedArchs(int* count) { *count = 1; return OK; }
int nvrtcGetSupportedArchs(int* archs) { *archs = 90; return OK; }
const char* nvrtcGetErrorString(int) { return "NVRTC_ERROR_COMPILATION"; }
int nvrtcCreateProgram(Program** program, const char* source, const char*, int, const char**, const char**) {
    *program = new Program;
    (*program)->source = source;
    return OK;
}
int nvrtcDestroyProgram(Program** program) { delete *program; *program = nullptr; return OK; }
int nvrtcAddNameExpression(Program* program, const char* name) { program->names += std::string(name) + "\n"; return OK; }
int nvrtcGetLoweredName(Program* program, const char* name, const char** lowered) {
    static std::map<int, std::string> given;
    LOCKED;
    Size at = ("\n" + program->names).find("\n" + std::string(name) + "\n");
    if (at == std::string::npos) return 10;  // NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID
    int index = 0;
    for (Size i = 0; i < at; ++i) index += program->names[i] == '\n';
    *lowered = (given[index] = "named_" + std::to_string(index)).c_str();
    return OK;
}
int nvrtcCompileProgram(Program* program, int count, const char** options) {
    for (int i = 0; i < count; ++i) program->options += std::string(options[i]) + "\n";
    compile(program, program->source.c_str(), program->options.c_str(), program->names.c_str());
    host_counters.compiled++;
    return program->code.empty() ? 6 : OK;  // NVRTC_ERROR_COMPILATION
}
int nvrtcGetCUBINSize(Program* program, Size* size) { *size = program->code.size(); return OK; }
int nvrtcGetCUBIN(Program* program, char* code) { memcpy(code, program->code.data(), program->code.size()); return OK; }
int nvrtcGetPTXSize(Program* program, Size* size) { *size = program->code.size(); return OK; }
int nvrtcGetPTX(Program* program, char* code) { return nvrtcGetCUBIN(program, code); }
int nvrtcGetProgramLogSize(Program* program, Size* size) { *size = program->log.size() + 1; return OK; }
int nvrtcGetProgramLog(Program* program, char* log) { strcpy(log, program->log.c_str()); return OK; }
}
