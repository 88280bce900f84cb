"""Kernels with one fault each, the line marked by `//!`, and what the emulator has to call it.

Unless a case says otherwise: x and y are float32[128], n is 128, two blocks of 64 threads.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bug:
    name: str
    kind: str
    body: str
    parameters: str = "float* x, float* y, int n"
    before: str = ""  # declarations above the kernel
    options: dict = field(default_factory=dict)  # grid, block, shared_mem, seconds, steps
    says: str = ""  # a part of the message

    @property
    def source(self) -> str:
        return f'{self.before}extern "C" __global__ void kernel({self.parameters}) {{\n{self.body}}}\n'

    @property
    def line(self) -> int:
        """The line that is marked."""
        return next(k for k, row in enumerate(self.source.splitlines(), 1) if "//!" in row)


I = "    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;\n"  # noqa: E741
TILE = I + "    __shared__ float s[64];\n"

BUGS = [
    # ------------------------------------------------------------------------------------- races
    Bug(
        "no barrier after filling a tile", "race",
        TILE + "    s[t] = x[i];\n    y[i] = s[63 - t];  //!\n",
        # The first thread reads what nobody has written yet; in reversed order too.
        options={"kinds": ("race", "uninitialised")},
    ),
    Bug(
        "no barrier before the tile is filled again", "race",
        TILE + "    for (int k = 0; k < 2; k++) {\n        s[t] = x[i] + k;  //!\n        __syncthreads();\n"
        "        y[i] += s[63 - t];\n    }\n",
        says="which thread",
    ),
    Bug(
        "no barrier between the steps of a tree", "race",
        TILE + "    s[t] = x[i];\n    __syncthreads();\n"
        "    for (int o = 32; o > 0; o /= 2)\n        if (t < o) s[t] += s[t + o];  //!\n    if (t == 0) y[0] = s[0];\n",
    ),
    Bug(
        "warp-synchronous code without a barrier", "race",
        "    __shared__ float s[32];\n    int t = threadIdx.x;\n    s[t] = x[t];\n    __syncwarp();\n"
        "    s[t] += s[(t + 16) % 32];  //!\n    y[t] = s[t];\n",
        options={"grid": 1, "block": 32},
    ),
    Bug(
        "__syncwarp where two warps meet", "race",
        TILE + "    s[t] = x[i];\n    __syncthreads();\n    float v = s[63 - t];\n    __syncwarp();\n    s[t] = v;  //!\n"
        "    __syncthreads();\n    y[i] = s[t];\n",
    ),
    Bug(
        "a shuffle is no barrier", "race",
        "    __shared__ float s[32];\n    int t = threadIdx.x;\n    s[t] = 0;\n    __syncwarp();\n    if (t == 0) s[5] = x[0];\n"
        "    float v = __shfl_sync(0xffffffff, x[t], 0);\n    y[t] = v + s[5];  //!\n",
        options={"grid": 1, "block": 32},
    ),
    Bug("all threads write one shared element", "race", "    __shared__ float s;\n    s = x[threadIdx.x];  //!\n    y[threadIdx.x] = s;\n",
        options={"grid": 1}),
    Bug("two blocks write one element", "race", "    if (threadIdx.x == 0) y[0] = x[blockIdx.x];  //!\n", says="of block"),
    Bug("blocks overlap by one thread", "race", "    int i = blockIdx.x * (blockDim.x - 1) + threadIdx.x;\n    y[i] = 1;  //!\n",
        says="of block"),
    Bug("a global sum without atomics", "race", I + "    y[0] += x[i];  //!\n"),
    Bug("atomics here, a plain read there", "race",
        I + "    if (t < 32) atomicAdd(&y[0], x[i]);\n    else y[i] = y[0];  //!\n", options={"grid": 1}),
    Bug("reads what another block writes", "race", I + "    y[i] = 1;\n    __syncthreads();\n    x[i] = y[n - 1 - i];  //!\n",
        options={"orders": ("reversed",)}),
    Bug("a race in dynamic shared memory", "race",
        I + "    extern __shared__ float s[];\n    s[t] = x[i];\n    __syncthreads();\n    s[t] = s[(t + 1) % 64];  //!\n    y[i] = s[t];\n",
        options={"shared_mem": 256}),
    # ------------------------------------------------------------------------------------- bounds
    Bug("one past the end of an argument", "out of bounds", I + "    y[i] = x[i + 1];  //!\n", says="x[128], but it has 128 elements"),
    Bug("no test of the index in the last block", "out of bounds", I + "    y[i] = x[i];  //!\n", options={"grid": 3}, says="x[128]"),
    Bug("one before the start", "out of bounds", I + "    y[i] = x[i] - x[i - 1];  //!\n", says="x[-1]"),
    Bug("one past a static shared array", "out of bounds",
        TILE + "    s[t + 1] = x[i];  //!\n    __syncthreads();\n    y[i] = s[t];\n", says="s[64], but it has 64 elements"),
    Bug("a shared array beside another one", "out of bounds",
        TILE + "    __shared__ float other[64];\n    other[t] = 0;\n    s[t] = x[i];\n    __syncthreads();\n    y[i] = s[t + 1] + other[t];  //!\n",
        says="s[64]"),
    Bug("one past dynamic shared memory", "out of bounds",
        I + "    extern __shared__ float s[];\n    s[t] = x[i];  //!\n    __syncthreads();\n    y[i] = s[t];\n",
        options={"shared_mem": 252}, says="63 elements"),
    Bug("no shared memory asked for", "out of bounds", I + "    extern __shared__ float s[];\n    s[t] = x[i];  //!\n"),
    Bug("rows and columns swapped", "out of bounds",
        "    __shared__ float s[8][4];\n    int r = threadIdx.x / 4, c = threadIdx.x % 4;\n    s[c][r] = x[threadIdx.x];\n"
        "    __syncthreads();\n    y[threadIdx.x] = s[r + 4][c];  //!\n", options={"grid": 1, "block": 32}, says="s["),
    Bug("inside a helper", "out of bounds", I + "    y[i] = next(x, i);\n",
        before="__device__ float next(const float* p, int i) {\n    return p[i + 1];  //!\n}\n", says="x[128]"),
    Bug("an index that overflowed", "out of bounds", I + "    long long far = (long long)i << 40;\n    if (i == 1) y[0] = x[far];  //!\n",
        says="far from every array"),
    # ------------------------------------------------------------------------------------- uninitialised
    Bug("a tile that only half the threads fill", "uninitialised",
        TILE + "    if (t < 32) s[t] = x[i];\n    __syncthreads();\n    y[i] = s[t];  //!\n"),
    Bug("a sum that never starts at 0", "uninitialised",
        "    __shared__ float sum;\n    atomicAdd(&sum, x[threadIdx.x]);  //!\n    __syncthreads();\n    if (threadIdx.x == 0) y[blockIdx.x] = sum;\n"),
    Bug("dynamic shared memory nobody wrote", "uninitialised",
        I + "    extern __shared__ float s[];\n    y[i] = s[t];  //!\n", options={"shared_mem": 256}),
    Bug("what the block before left behind", "uninitialised",
        TILE + "    if (blockIdx.x == 0) s[t] = x[i];\n    __syncthreads();\n    y[i] = s[t];  //!\n"),
    # ------------------------------------------------------------------------------------- waiting
    Bug("a barrier in one arm of an if", "divergent barrier",
        I + "    if (t < 32) {\n        __syncthreads();  //!\n        y[i] = 1;\n    } else {\n        __syncthreads();\n    }\n",
        options={"any_line": True}),
    Bug("a barrier that some never reach", "early exit", I + "    if (t < 40) {\n        y[i] = x[i];\n        __syncthreads();  //!\n    }\n"),
    Bug("return before a barrier", "early exit",
        TILE + "    if (i >= 100) return;\n    s[t] = x[i];\n    __syncthreads();  //!\n    y[i] = s[t];\n", says="has left the kernel"),
    Bug("a shuffle that half a warp skips", "missing lanes",
        I + "    float v = x[i];\n    if (t % 32 < 16) v += __shfl_down_sync(0xffffffff, v, 8);  //!\n    __syncthreads();\n    y[i] = v;\n"),
    Bug("a shuffle from a lane that left", "missing lanes",
        I + "    if (t % 32 < 16) y[i] = __shfl_xor_sync(0xffffffff, x[i], 16);  //!\n", says="does not take part"),
    Bug("a mask without the caller", "missing lanes", I + "    y[i] = __shfl_sync(0x0000ffff, x[i], 0);  //!\n", says="its own lane"),
    Bug("a vote in two places", "missing lanes",
        I + "    int v;\n    if (t % 2) v = __ballot_sync(0xffffffff, 1);  //!\n    else v = __any_sync(0xffffffff, 1);\n    y[i] = v;\n",
        options={"any_line": True}),
    Bug("lanes beyond the block", "missing lanes",
        "    int t = threadIdx.x;\n    float v = x[t];\n    v += __shfl_down_sync(0xffffffff, v, 8);  //!\n    y[t] = v;\n", options={"grid": 1, "block": 40}),
    Bug("a loop without end", "endless loop", I + "    float v = x[i];\n    while (v < 3) v *= 0.5f;  //!\n    y[i] = v;\n", options={"steps": 3_000_000}),
    Bug("waiting for another thread's flag", "endless loop",
        "    __shared__ volatile int flag;\n    if (threadIdx.x == 0) flag = 0;\n    __syncthreads();\n"
        "    if (threadIdx.x == 0) while (flag == 0);  //!\n    if (threadIdx.x == 63) atomicExch((int*)&flag, 1);\n",
        options={"steps": 3_000_000, "grid": 1, "orders": ("forward",)}),
    Bug("a barrier for ever", "endless loop", "    float v = 0;\n    while (v < 1) {\n        __syncthreads();\n        v *= 2;  //!\n    }\n    y[0] = v;\n",
        options={"seconds": 0.3, "any_line": True}),
    # ------------------------------------------------------------------------------------- vectors, assertions
    Bug("a float4 at an odd place", "misaligned", "    int i = threadIdx.x;\n    float4 v = *(float4*)(x + i);  //!\n    y[i] = v.x;\n",
        options={"grid": 1}, says="16 bytes at x[1]"),
    Bug("a float2 stored at an odd place", "misaligned",
        "    int i = threadIdx.x;\n    *reinterpret_cast<float2*>(y + 2 * i + 1) = make_float2(x[i], 0);  //!\n", options={"grid": 1, "block": 32},
        says="8 bytes"),
    Bug("an assertion", "assertion", I + "    assert(x[i] < 100);  //!\n    y[i] = 0;\n", says="x[i] < 100"),
]  # fmt: skip
