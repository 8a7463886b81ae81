// The Windows headers as freestanding code can take them, and the functions of ntdll.dll that they leave out.
#pragma once

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX
#define NOMINMAX
#endif
// Uses a vector instruction, which kernel code is compiled without.
#define __INTRINSIC_DEFINED___faststorefence 1
#include <windows.h>
#include <winternl.h>
#include <ntstatus.h>

#include "base/types.hpp"

extern "C" {
NTSYSAPI NTSTATUS NTAPI NtCreateSection(PHANDLE section, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes,
                                        PLARGE_INTEGER size, ULONG protection, ULONG kind, HANDLE file);
NTSYSAPI NTSTATUS NTAPI NtMapViewOfSection(HANDLE section, HANDLE process, PVOID* base, ULONG_PTR zero_bits,
                                           SIZE_T commit, PLARGE_INTEGER offset, PSIZE_T size, ULONG inherit,
                                           ULONG type, ULONG protection);
NTSYSAPI NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE process, PVOID base);
NTSYSAPI NTSTATUS NTAPI NtProtectVirtualMemory(HANDLE process, PVOID* base, PSIZE_T size, ULONG protection,
                                               PULONG old_protection);
NTSYSAPI NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE process, PVOID* base, ULONG_PTR zero_bits, PSIZE_T size,
                                                ULONG type, ULONG protection);
NTSYSAPI NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE process, PVOID* base, PSIZE_T size, ULONG type);
NTSYSAPI NTSTATUS NTAPI NtQueryVirtualMemory(HANDLE process, const void* base, int what, PVOID buffer, SIZE_T size,
                                             SIZE_T* got);
NTSYSAPI NTSTATUS NTAPI NtFlushVirtualMemory(HANDLE process, LPCVOID* base, PSIZE_T size, ULONG zero);
NTSYSAPI NTSTATUS NTAPI NtReadVirtualMemory(HANDLE process, const void* base, void* buffer, SIZE_T size, SIZE_T* got);
NTSYSAPI NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE process, void* base, const void* buffer, SIZE_T size, SIZE_T* put);
NTSYSAPI NTSTATUS NTAPI NtDuplicateObject(HANDLE from_process, HANDLE from, HANDLE to_process, PHANDLE to,
                                          ACCESS_MASK access, ULONG attributes, ULONG options);
NTSYSAPI NTSTATUS NTAPI NtCreateEvent(PHANDLE event, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, ULONG type,
                                      BOOLEAN state);
NTSYSAPI NTSTATUS NTAPI NtSetEvent(HANDLE event, PLONG previous);
NTSYSAPI NTSTATUS NTAPI NtOpenProcess(PHANDLE process, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes,
                                      PVOID client_id);
NTSYSAPI NTSTATUS NTAPI NtOpenThread(PHANDLE thread, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes,
                                     PVOID client_id);
NTSYSAPI NTSTATUS NTAPI NtTerminateProcess(HANDLE process, NTSTATUS status);
NTSYSAPI NTSTATUS NTAPI NtSuspendThread(HANDLE thread, PULONG count);
NTSYSAPI NTSTATUS NTAPI NtResumeThread(HANDLE thread, PULONG count);
NTSYSAPI NTSTATUS NTAPI NtGetContextThread(HANDLE thread, PCONTEXT context);
NTSYSAPI NTSTATUS NTAPI NtSetContextThread(HANDLE thread, const CONTEXT* context);
NTSYSAPI NTSTATUS NTAPI NtYieldExecution(void);
NTSYSAPI NTSTATUS NTAPI NtDelayExecution(BOOLEAN alertable, const LARGE_INTEGER* interval);
}

namespace host::nt {

inline constexpr int MemoryBasicInformation = 0;

inline HANDLE this_process() { return reinterpret_cast<HANDLE>(~u64{0}); }
inline HANDLE this_thread() { return reinterpret_cast<HANDLE>(~u64{1}); }
inline u64 address_of(const volatile void* pointer) { return reinterpret_cast<u64>(pointer); }

} // namespace host::nt
