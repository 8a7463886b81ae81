// Executables and the start of a program: elf(5), getauxval(3), vdso(7).
#pragma once

#include <cstdint>

namespace abi {

struct Elf64_Ehdr {
    uint8_t e_ident[16];
    uint16_t e_type;
    uint16_t e_machine;
    uint32_t e_version;
    uint64_t e_entry;
    uint64_t e_phoff;
    uint64_t e_shoff;
    uint32_t e_flags;
    uint16_t e_ehsize;
    uint16_t e_phentsize;
    uint16_t e_phnum;
    uint16_t e_shentsize;
    uint16_t e_shnum;
    uint16_t e_shstrndx;
};
static_assert(sizeof(Elf64_Ehdr) == 64);

struct Elf64_Phdr {
    uint32_t p_type;
    uint32_t p_flags;
    uint64_t p_offset;
    uint64_t p_vaddr;
    uint64_t p_paddr;
    uint64_t p_filesz;
    uint64_t p_memsz;
    uint64_t p_align;
};
static_assert(sizeof(Elf64_Phdr) == 56);

struct Elf64_Shdr {
    uint32_t sh_name;
    uint32_t sh_type;
    uint64_t sh_flags;
    uint64_t sh_addr;
    uint64_t sh_offset;
    uint64_t sh_size;
    uint32_t sh_link;
    uint32_t sh_info;
    uint64_t sh_addralign;
    uint64_t sh_entsize;
};
static_assert(sizeof(Elf64_Shdr) == 64);

struct Elf64_Sym {
    uint32_t st_name;
    uint8_t st_info;
    uint8_t st_other;
    uint16_t st_shndx;
    uint64_t st_value;
    uint64_t st_size;
};
static_assert(sizeof(Elf64_Sym) == 24);

struct Elf64_Dyn {
    int64_t d_tag;
    union {
        uint64_t d_val;
        uint64_t d_ptr;
    } d_un;
};
static_assert(sizeof(Elf64_Dyn) == 16);

struct Elf64_Rela {
    uint64_t r_offset;
    uint64_t r_info;
    int64_t r_addend;
};
static_assert(sizeof(Elf64_Rela) == 24);

struct Elf64_Nhdr {
    uint32_t n_namesz;
    uint32_t n_descsz;
    uint32_t n_type;
};
static_assert(sizeof(Elf64_Nhdr) == 12);

struct Elf64_auxv_t {
    uint64_t a_type;
    uint64_t a_val;
};
static_assert(sizeof(Elf64_auxv_t) == 16);

inline constexpr uint32_t EI_CLASS = 4;
inline constexpr uint32_t EI_DATA = 5;
inline constexpr uint32_t EI_VERSION = 6;
inline constexpr uint32_t EI_OSABI = 7;
inline constexpr uint32_t EI_ABIVERSION = 8;
inline constexpr uint32_t EI_NIDENT = 16;
inline constexpr uint8_t ELFMAG[4] = {0x7f, 'E', 'L', 'F'};
inline constexpr uint32_t ELFCLASS32 = 1;
inline constexpr uint32_t ELFCLASS64 = 2;
inline constexpr uint32_t ELFDATA2LSB = 1;
inline constexpr uint32_t EV_CURRENT = 1;
inline constexpr uint32_t ELFOSABI_NONE = 0;
inline constexpr uint32_t ELFOSABI_LINUX = 3;
inline constexpr uint32_t ET_NONE = 0;
inline constexpr uint32_t ET_REL = 1;
inline constexpr uint32_t ET_EXEC = 2;
inline constexpr uint32_t ET_DYN = 3;
inline constexpr uint32_t ET_CORE = 4;
inline constexpr uint32_t EM_386 = 3;
inline constexpr uint32_t EM_X86_64 = 62;
inline constexpr uint32_t EM_AARCH64 = 183;
inline constexpr uint32_t PN_XNUM = 0xffff;

inline constexpr uint32_t PT_NULL = 0;
inline constexpr uint32_t PT_LOAD = 1;
inline constexpr uint32_t PT_DYNAMIC = 2;
inline constexpr uint32_t PT_INTERP = 3;
inline constexpr uint32_t PT_NOTE = 4;
inline constexpr uint32_t PT_SHLIB = 5;
inline constexpr uint32_t PT_PHDR = 6;
inline constexpr uint32_t PT_TLS = 7;
inline constexpr uint32_t PT_GNU_EH_FRAME = 0x6474e550;
inline constexpr uint32_t PT_GNU_STACK = 0x6474e551;
inline constexpr uint32_t PT_GNU_RELRO = 0x6474e552;
inline constexpr uint32_t PT_GNU_PROPERTY = 0x6474e553;
inline constexpr uint32_t PF_X = 1;
inline constexpr uint32_t PF_W = 2;
inline constexpr uint32_t PF_R = 4;
inline constexpr uint32_t NT_GNU_BUILD_ID = 3;
inline constexpr uint32_t NT_GNU_PROPERTY_TYPE_0 = 5;
inline constexpr uint32_t SHT_NULL = 0;
inline constexpr uint32_t SHT_PROGBITS = 1;
inline constexpr uint32_t SHT_SYMTAB = 2;
inline constexpr uint32_t SHT_STRTAB = 3;
inline constexpr uint32_t SHT_RELA = 4;
inline constexpr uint32_t SHT_HASH = 5;
inline constexpr uint32_t SHT_DYNAMIC = 6;
inline constexpr uint32_t SHT_NOTE = 7;
inline constexpr uint32_t SHT_NOBITS = 8;
inline constexpr uint32_t SHT_DYNSYM = 11;

inline constexpr int64_t DT_NULL = 0;
inline constexpr int64_t DT_NEEDED = 1;
inline constexpr int64_t DT_PLTRELSZ = 2;
inline constexpr int64_t DT_PLTGOT = 3;
inline constexpr int64_t DT_HASH = 4;
inline constexpr int64_t DT_STRTAB = 5;
inline constexpr int64_t DT_SYMTAB = 6;
inline constexpr int64_t DT_RELA = 7;
inline constexpr int64_t DT_RELASZ = 8;
inline constexpr int64_t DT_RELAENT = 9;
inline constexpr int64_t DT_STRSZ = 10;
inline constexpr int64_t DT_SYMENT = 11;
inline constexpr int64_t DT_INIT = 12;
inline constexpr int64_t DT_FINI = 13;
inline constexpr int64_t DT_SONAME = 14;
inline constexpr int64_t DT_FLAGS = 30;
inline constexpr int64_t DT_GNU_HASH = 0x6ffffef5;
inline constexpr uint32_t R_X86_64_NONE = 0;
inline constexpr uint32_t R_X86_64_64 = 1;
inline constexpr uint32_t R_X86_64_GLOB_DAT = 6;
inline constexpr uint32_t R_X86_64_JUMP_SLOT = 7;
inline constexpr uint32_t R_X86_64_RELATIVE = 8;

// The auxiliary vector
inline constexpr uint64_t AT_NULL = 0;
inline constexpr uint64_t AT_IGNORE = 1;
inline constexpr uint64_t AT_EXECFD = 2;
inline constexpr uint64_t AT_PHDR = 3;
inline constexpr uint64_t AT_PHENT = 4;
inline constexpr uint64_t AT_PHNUM = 5;
inline constexpr uint64_t AT_PAGESZ = 6;
inline constexpr uint64_t AT_BASE = 7;
inline constexpr uint64_t AT_FLAGS = 8;
inline constexpr uint64_t AT_ENTRY = 9;
inline constexpr uint64_t AT_NOTELF = 10;
inline constexpr uint64_t AT_UID = 11;
inline constexpr uint64_t AT_EUID = 12;
inline constexpr uint64_t AT_GID = 13;
inline constexpr uint64_t AT_EGID = 14;
inline constexpr uint64_t AT_PLATFORM = 15;
inline constexpr uint64_t AT_HWCAP = 16;
inline constexpr uint64_t AT_CLKTCK = 17;
inline constexpr uint64_t AT_SECURE = 23;
inline constexpr uint64_t AT_BASE_PLATFORM = 24;
inline constexpr uint64_t AT_RANDOM = 25;
inline constexpr uint64_t AT_HWCAP2 = 26;
inline constexpr uint64_t AT_RSEQ_FEATURE_SIZE = 27;
inline constexpr uint64_t AT_RSEQ_ALIGN = 28;
inline constexpr uint64_t AT_HWCAP3 = 29;
inline constexpr uint64_t AT_HWCAP4 = 30;
inline constexpr uint64_t AT_EXECFN = 31;
inline constexpr uint64_t AT_SYSINFO = 32;
inline constexpr uint64_t AT_SYSINFO_EHDR = 33;
inline constexpr uint64_t AT_MINSIGSTKSZ = 51;
inline constexpr uint64_t HWCAP2_RING3MWAIT = 1;
inline constexpr uint64_t HWCAP2_FSGSBASE = 2;

}  // namespace abi
