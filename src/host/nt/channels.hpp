// Packets to a service of the host (host::connect_local): lxss-interop. A message pipe of Windows, whose two
// relays (streams.hpp) have rings of whole packets, each behind a Frame. Handles come with packets from the
// host, and are streams by the time that the packet is in the ring; none go the other way.
#pragma once

#include "host/nt/streams.hpp"

namespace host::nt {

// As long as any packet may be: there is room for one whenever the handle polls writable.
inline constexpr u32 kMaxChannelBytes = 3500;

// In the instance host: a connection to the pipe that `name` stands for: "@lxss-...", of small letters,
// digits and dashes, is
// \\.\pipe\lxss-... . EAGAIN when the service is about to take another client; ENOENT, EACCES, EINVAL,
// EMFILE.
Result<Handle> open_channel(std::string_view name);

inline bool is_channel(const HandleEntry& entry) {
    const Relay* relay = entry.kind == HandleKind::Stream ? reading_relay(entry.extra) : nullptr;
    return relay && relay->stop;
}

// As host::send_message(): the packet whole or not at all. EMSGSIZE; EOPNOTSUPP when handles are to go along.
Result<usize> send_to_channel(const HandleEntry& entry, const abi::msghdr& message);
// As host::receive_message().
Result<usize> receive_from_channel(const HandleEntry& entry, abi::msghdr& message, i32 flags);
// What is known of the other side: ENOPROTOOPT but for SO_ERROR and SO_PEERCRED.
Result<u32> channel_option(i32 level, i32 option, void* value, u32 capacity);

} // namespace host::nt
