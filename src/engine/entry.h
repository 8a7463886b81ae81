// What the engines' assembly shares: offsets in host::Frame and bits of ThreadBlock::work (thread_block.hpp), the C ABI's registers.
#define F_R15 0
#define F_R14 8
#define F_R13 16
#define F_R12 24
#define F_RBP 32
#define F_RBX 40
#define F_R11 48
#define F_R10 56
#define F_R9  64
#define F_R8  72
#define F_RAX 80
#define F_RCX 88
#define F_RDX 96
#define F_RSI 104
#define F_RDI 112
#define F_ORIGINAL_RAX 120
#define F_RIP 128
#define F_CS  136
#define F_RFLAGS 144
#define F_RSP 152
#define F_SS  160

#define WORK_FULL_RETURN 8
#define WORK_PENDING 0x33 // everything but kWorkTrace, kWorkFullReturn and kWorkWake

#if defined(_WIN32)
#define ARGUMENT1 %rcx
#define ARGUMENT2 %rdx
#define SHADOW 32
#else
#define ARGUMENT1 %rdi
#define ARGUMENT2 %rsi
#define SHADOW 0
#endif
