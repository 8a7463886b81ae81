#include "host/nt/internal.hpp"
namespace host {
namespace nt { HANDLE native_handle(Handle) { return nullptr; } }
void close(Handle) {}
Result<usize> stream_read(Handle, const abi::iovec*, usize) { return Errno::ENOSYS; }
Result<usize> stream_write(Handle, const abi::iovec*, usize) { return Errno::ENOSYS; }
Result<u64> stream_seek(Handle, i64, i32) { return Errno::ENOSYS; }
Result<u32> stream_bytes_available(Handle) { return Errno::ENOSYS; }
}
