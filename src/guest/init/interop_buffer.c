#include "interop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kConnectTries = 200 }; // at 10 ms

void append(struct buffer* buffer, const void* bytes, size_t length) {
    if (buffer->start > 0 && buffer->end + length > buffer->capacity) {
        memmove(buffer->data, buffer->data + buffer->start, buffered(buffer));
        buffer->end -= buffer->start;
        buffer->start = 0;
    }
    if (buffer->end + length > buffer->capacity) {
        const size_t capacity = (buffer->end + length) * 2;
        char* data = realloc(buffer->data, capacity);
        if (!data) {
            complain(ENOMEM, "interop");
            exit(kLxssFailed);
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    memcpy(buffer->data + buffer->end, bytes, length);
    buffer->end += length;
}

void consume(struct buffer* buffer, size_t length) {
    buffer->start += length;
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
}

void append_frame(struct buffer* buffer, uint32_t channel, uint32_t type, const void* payload, size_t length) {
    const struct interop_frame frame = {channel, type, (uint32_t)length};
    append(buffer, &frame, sizeof frame);
    append(buffer, payload, length);
}

bool next_frame(const struct buffer* buffer, struct interop_frame* frame, bool* broken) {
    if (buffered(buffer) < sizeof *frame)
        return false;
    memcpy(frame, buffer->data + buffer->start, sizeof *frame);
    *broken = *broken || frame->length > kInteropMaxFrame;
    return !*broken && buffered(buffer) >= sizeof *frame + frame->length;
}

bool fill(struct buffer* buffer, int descriptor) {
    char bytes[kInteropMaxData];
    const ssize_t count = read(descriptor, bytes, sizeof bytes);
    if (count > 0)
        append(buffer, bytes, (size_t)count);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

bool drain(struct buffer* buffer, int descriptor) {
    while (buffered(buffer) > 0) {
        const ssize_t count = write(descriptor, buffer->data + buffer->start, buffered(buffer));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno == EAGAIN;
        consume(buffer, (size_t)count);
    }
    return true;
}

bool socket_address(const char* path, struct sockaddr_un* address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    strcpy(address->sun_path, path);
    return true;
}

int connect_to_interop(void) {
    struct sockaddr_un address;
    const char* path = getenv("WSL_INTEROP");
    if (!socket_address(path && *path == '/' ? path : INTEROP_SOCKET, &address))
        return -1;
    const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0)
        return -1;
    // The server starts together with the first session, which may be ahead of it.
    for (int tries = 0;; ++tries) {
        if (connect(connection, (const struct sockaddr*)&address, sizeof address) == 0)
            return connection;
        const int failure = errno;
        if ((failure == ENOENT || failure == ECONNREFUSED) && path && tries < kConnectTries) {
            usleep(10000);
            continue;
        }
        close(connection);
        errno = failure;
        return -1;
    }
}

bool forward_socket(const char* inside, const char* outside) {
    const int connection = connect_to_interop();
    if (connection < 0)
        return false;
    struct buffer out = {0}, in = {0};
    char names[2 * PATH_MAX];
    const size_t first = strlen(inside) + 1, second = strlen(outside) + 1;
    bool good = first + second <= sizeof names, broken = false;
    if (good) {
        memcpy(names, inside, first);
        memcpy(names + first, outside, second);
        append_frame(&out, 0, kInteropForward, names, first + second);
        struct interop_frame frame = {0};
        good = drain(&out, connection);
        while (good && !next_frame(&in, &frame, &broken))
            good = !broken && fill(&in, connection);
        good = good && frame.type == kInteropExit;
    }
    close(connection);
    free(out.data);
    free(in.data);
    return good;
}
