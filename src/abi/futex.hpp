// futex(2), robust futexes (get_robust_list(2)), futex_waitv(2) and restartable sequences (rseq(2)).
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

inline constexpr uint32_t FUTEX_WAIT = 0;
inline constexpr uint32_t FUTEX_WAKE = 1;
inline constexpr uint32_t FUTEX_FD = 2;
inline constexpr uint32_t FUTEX_REQUEUE = 3;
inline constexpr uint32_t FUTEX_CMP_REQUEUE = 4;
inline constexpr uint32_t FUTEX_WAKE_OP = 5;
inline constexpr uint32_t FUTEX_LOCK_PI = 6;
inline constexpr uint32_t FUTEX_UNLOCK_PI = 7;
inline constexpr uint32_t FUTEX_TRYLOCK_PI = 8;
inline constexpr uint32_t FUTEX_WAIT_BITSET = 9;
inline constexpr uint32_t FUTEX_WAKE_BITSET = 10;
inline constexpr uint32_t FUTEX_WAIT_REQUEUE_PI = 11;
inline constexpr uint32_t FUTEX_CMP_REQUEUE_PI = 12;
inline constexpr uint32_t FUTEX_LOCK_PI2 = 13;
inline constexpr uint32_t FUTEX_PRIVATE_FLAG = 128;
inline constexpr uint32_t FUTEX_CLOCK_REALTIME = 256;
inline constexpr uint32_t FUTEX_CMD_MASK = ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
inline constexpr uint32_t FUTEX_BITSET_MATCH_ANY = 0xffffffff;

// The operand word of FUTEX_WAKE_OP: op in bits 28-31 (bit 31 shifts the operand), comparison in 24-27,
// operand in 12-23, comparison value in 0-11.
inline constexpr uint32_t FUTEX_OP_SET = 0;
inline constexpr uint32_t FUTEX_OP_ADD = 1;
inline constexpr uint32_t FUTEX_OP_OR = 2;
inline constexpr uint32_t FUTEX_OP_ANDN = 3;
inline constexpr uint32_t FUTEX_OP_XOR = 4;
inline constexpr uint32_t FUTEX_OP_OPARG_SHIFT = 8;
inline constexpr uint32_t FUTEX_OP_CMP_EQ = 0;
inline constexpr uint32_t FUTEX_OP_CMP_NE = 1;
inline constexpr uint32_t FUTEX_OP_CMP_LT = 2;
inline constexpr uint32_t FUTEX_OP_CMP_LE = 3;
inline constexpr uint32_t FUTEX_OP_CMP_GT = 4;
inline constexpr uint32_t FUTEX_OP_CMP_GE = 5;

// The word of a robust or priority-inheriting futex.
inline constexpr uint32_t FUTEX_WAITERS = 0x80000000;
inline constexpr uint32_t FUTEX_OWNER_DIED = 0x40000000;
inline constexpr uint32_t FUTEX_TID_MASK = 0x3fffffff;

// User addresses. Bit 0 of a list pointer marks a priority-inheriting futex.
struct robust_list {
    uint64_t next;
};
struct robust_list_head {
    robust_list list;
    int64_t futex_offset;
    uint64_t list_op_pending;
};
static_assert(sizeof(robust_list_head) == 24);
inline constexpr uint32_t ROBUST_LIST_LIMIT = 2048;

struct futex_waitv {
    uint64_t val;
    uint64_t uaddr;
    uint32_t flags;
    uint32_t __reserved;
};
static_assert(sizeof(futex_waitv) == 24);
inline constexpr uint32_t FUTEX_WAITV_MAX = 128;
inline constexpr uint32_t FUTEX2_SIZE_U8 = 0;
inline constexpr uint32_t FUTEX2_SIZE_U16 = 1;
inline constexpr uint32_t FUTEX2_SIZE_U32 = 2;
inline constexpr uint32_t FUTEX2_SIZE_U64 = 3;
inline constexpr uint32_t FUTEX2_SIZE_MASK = 3;
inline constexpr uint32_t FUTEX2_NUMA = 4;
inline constexpr uint32_t FUTEX2_PRIVATE = FUTEX_PRIVATE_FLAG;
inline constexpr uint32_t FUTEX_32 = FUTEX2_SIZE_U32;

struct alignas(32) rseq_cs {
    uint32_t version;
    uint32_t flags;
    uint64_t start_ip;
    uint64_t post_commit_offset;
    uint64_t abort_ip;
};
static_assert(sizeof(rseq_cs) == 32);

// The C library registers the original 32 bytes; node_id and mm_cid took what was padding there.
struct alignas(32) rseq {
    uint32_t cpu_id_start;
    uint32_t cpu_id;
    uint64_t rseq_cs;
    uint32_t flags;
    uint32_t node_id;
    uint32_t mm_cid;
    uint32_t __padding;
};
static_assert(sizeof(rseq) == 32 && offsetof(rseq, mm_cid) == 24);
inline constexpr uint32_t RSEQ_ORIG_SIZE = 32;
inline constexpr uint32_t RSEQ_FLAG_UNREGISTER = 1;
inline constexpr int32_t RSEQ_CPU_ID_UNINITIALIZED = -1;
inline constexpr int32_t RSEQ_CPU_ID_REGISTRATION_FAILED = -2;
inline constexpr uint32_t RSEQ_CS_FLAG_NO_RESTART_ON_PREEMPT = 1;
inline constexpr uint32_t RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL = 2;
inline constexpr uint32_t RSEQ_CS_FLAG_NO_RESTART_ON_MIGRATE = 4;

}  // namespace abi
