// What client and server of interop share: frames on stream sockets.
#ifndef LXSS_INIT_INTEROP_H
#define LXSS_INIT_INTEROP_H

#include "init.h"
#include "interop/frames.h"

#include <sys/un.h>

struct buffer {
    char* data;
    size_t start, end, capacity;
};

static inline size_t buffered(const struct buffer* buffer) { return buffer->end - buffer->start; }
void append(struct buffer* buffer, const void* bytes, size_t length); // ends the process when memory is out
void consume(struct buffer* buffer, size_t length);
void append_frame(struct buffer* buffer, uint32_t channel, uint32_t type, const void* payload, size_t length);
// Whether a whole frame has come, copied to `frame`; its payload follows the header in the buffer. A frame that is too
// long counts as the end of the connection: `broken`.
bool next_frame(const struct buffer* buffer, struct interop_frame* frame, bool* broken);
// Reads once. False at the end or on an error.
bool fill(struct buffer* buffer, int descriptor);
// Writes what goes without waiting. False on an error.
bool drain(struct buffer* buffer, int descriptor);

bool socket_address(const char* path, struct sockaddr_un* address); // false: too long
int connect_to_interop(void);                                       // -1 with errno

// Asks the server to lead connections to the socket `inside` to the host's socket `outside`. False with a complaint.
bool forward_socket(const char* inside, const char* outside);

#endif
