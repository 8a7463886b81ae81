// System V IPC and POSIX message queues: sysvipc(7), shmctl(2), semctl(2), msgctl(2), mq_open(3).
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

inline constexpr uint32_t IPC_PRIVATE = 0;
inline constexpr uint32_t IPC_CREAT = 01000;
inline constexpr uint32_t IPC_EXCL = 02000;
inline constexpr uint32_t IPC_NOWAIT = 04000;
inline constexpr uint32_t IPC_RMID = 0;
inline constexpr uint32_t IPC_SET = 1;
inline constexpr uint32_t IPC_STAT = 2;
inline constexpr uint32_t IPC_INFO = 3;
inline constexpr uint32_t IPC_64 = 0x100;

struct ipc64_perm {
    int32_t key;
    uint32_t uid;
    uint32_t gid;
    uint32_t cuid;
    uint32_t cgid;
    uint32_t mode;
    uint16_t seq;
    uint16_t __pad2;
    uint32_t __pad3;
    uint64_t __unused1;
    uint64_t __unused2;
};
static_assert(sizeof(ipc64_perm) == 48);

inline constexpr uint32_t SHM_RDONLY = 010000;
inline constexpr uint32_t SHM_RND = 020000;
inline constexpr uint32_t SHM_REMAP = 040000;
inline constexpr uint32_t SHM_EXEC = 0100000;
inline constexpr uint32_t SHM_LOCK = 11;
inline constexpr uint32_t SHM_UNLOCK = 12;
inline constexpr uint32_t SHM_STAT = 13;
inline constexpr uint32_t SHM_INFO = 14;
inline constexpr uint32_t SHM_STAT_ANY = 15;
inline constexpr uint32_t SHM_HUGETLB = 04000;
inline constexpr uint32_t SHM_NORESERVE = 010000;
inline constexpr uint32_t SHM_DEST = 01000;
inline constexpr uint32_t SHM_LOCKED = 02000;
inline constexpr uint32_t SHMMIN = 1;
inline constexpr uint32_t SHMMNI = 4096;
struct shmid64_ds {
    ipc64_perm shm_perm;
    uint64_t shm_segsz;
    int64_t shm_atime;
    int64_t shm_dtime;
    int64_t shm_ctime;
    int32_t shm_cpid;
    int32_t shm_lpid;
    uint64_t shm_nattch;
    uint64_t __unused4;
    uint64_t __unused5;
};
static_assert(sizeof(shmid64_ds) == 112);
struct shminfo64 {
    uint64_t shmmax;
    uint64_t shmmin;
    uint64_t shmmni;
    uint64_t shmseg;
    uint64_t shmall;
    uint64_t __unused[4];
};
static_assert(sizeof(shminfo64) == 72);
struct shm_info {
    int32_t used_ids;
    uint64_t shm_tot;
    uint64_t shm_rss;
    uint64_t shm_swp;
    uint64_t swap_attempts;
    uint64_t swap_successes;
};
static_assert(sizeof(shm_info) == 48);

inline constexpr uint32_t SEM_UNDO = 0x1000;
inline constexpr uint32_t GETPID = 11;
inline constexpr uint32_t GETVAL = 12;
inline constexpr uint32_t GETALL = 13;
inline constexpr uint32_t GETNCNT = 14;
inline constexpr uint32_t GETZCNT = 15;
inline constexpr uint32_t SETVAL = 16;
inline constexpr uint32_t SETALL = 17;
inline constexpr uint32_t SEM_STAT = 18;
inline constexpr uint32_t SEM_INFO = 19;
inline constexpr uint32_t SEM_STAT_ANY = 20;
inline constexpr uint32_t SEMMNI = 32000;
inline constexpr uint32_t SEMMSL = 32000;
inline constexpr uint32_t SEMOPM = 500;
inline constexpr uint32_t SEMVMX = 32767;
struct sembuf {
    uint16_t sem_num;
    int16_t sem_op;
    int16_t sem_flg;
};
static_assert(sizeof(sembuf) == 6);
struct semid64_ds {
    ipc64_perm sem_perm;
    int64_t sem_otime;
    uint64_t __unused1;
    int64_t sem_ctime;
    uint64_t __unused2;
    uint64_t sem_nsems;
    uint64_t __unused3;
    uint64_t __unused4;
};
static_assert(sizeof(semid64_ds) == 104);
struct seminfo {
    int32_t semmap;
    int32_t semmni;
    int32_t semmns;
    int32_t semmnu;
    int32_t semmsl;
    int32_t semopm;
    int32_t semume;
    int32_t semusz;
    int32_t semvmx;
    int32_t semaem;
};
static_assert(sizeof(seminfo) == 40);

inline constexpr uint32_t MSG_NOERROR = 010000;
inline constexpr uint32_t MSG_EXCEPT = 020000;
inline constexpr uint32_t MSG_COPY = 040000;
inline constexpr uint32_t MSG_STAT = 11;
inline constexpr uint32_t MSG_INFO = 12;
inline constexpr uint32_t MSG_STAT_ANY = 13;
inline constexpr uint32_t MSGMNI = 32000;
inline constexpr uint32_t MSGMAX = 8192;
inline constexpr uint32_t MSGMNB = 16384;
struct msqid64_ds {
    ipc64_perm msg_perm;
    int64_t msg_stime;
    int64_t msg_rtime;
    int64_t msg_ctime;
    uint64_t msg_cbytes;
    uint64_t msg_qnum;
    uint64_t msg_qbytes;
    int32_t msg_lspid;
    int32_t msg_lrpid;
    uint64_t __unused4;
    uint64_t __unused5;
};
static_assert(sizeof(msqid64_ds) == 120);
struct msginfo {
    int32_t msgpool;
    int32_t msgmap;
    int32_t msgmax;
    int32_t msgmnb;
    int32_t msgmni;
    int32_t msgssz;
    int32_t msgtql;
    uint16_t msgseg;
};
static_assert(sizeof(msginfo) == 32);

struct mq_attr {
    int64_t mq_flags;
    int64_t mq_maxmsg;
    int64_t mq_msgsize;
    int64_t mq_curmsgs;
    int64_t __reserved[4];
};
static_assert(sizeof(mq_attr) == 64);

}  // namespace abi
