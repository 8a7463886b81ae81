// Where translated code and the assembly around it keep what belongs to the thread: offsets from GS. Also read by assembly.
//
// On Linux GS points to the ThreadBlock (host/thread_block.hpp). On NT, GS is the TEB, whose first TLS slots are lxcore's
// (TlsSlots, 0x1480 on): slot 0 the block, slot 1 the frame, and so on in the order below.
#pragma once

#if defined(_WIN32)
#define LX_SLOT(linux_offset, nt_index) (0x1480 + 8 * (nt_index))
#else
#define LX_SLOT(linux_offset, nt_index) (linux_offset)
#endif

#define LX_SLOT_BLOCK LX_SLOT(0x00, 0)     // address of the ThreadBlock
#define LX_SLOT_FRAME LX_SLOT(0x08, 1)     // of its Frame: the top of the kernel stack
#define LX_SLOT_GUEST_RSP LX_SLOT(0x10, 2) // scratch of the entry code
#define LX_SLOT_GUEST_GS LX_SLOT(0x28, 3)  // the guest's GS base
#define LX_SLOT_GUEST_FS LX_SLOT(0x70, 4)  // the guest's FS base, where FS itself is not the guest's
// Scratch of translated code: guest register 0..7 while the code uses it for itself. Those of rsp and rbp, which it never
// uses, hold the target of an indirect branch and the exit taken.
#define LX_SLOT_REGISTERS LX_SLOT(0x78, 5)
#define LX_SLOT_REGISTER(number) (LX_SLOT_REGISTERS + 8 * (number))
#define LX_SLOT_TARGET LX_SLOT_REGISTER(4)
#define LX_SLOT_EXIT LX_SLOT_REGISTER(5)
#define LX_SLOT_COUNT 13 // NT: so many TLS slots
