#include "host_relays.h"

#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { kBufferBytes = 64 * 1024, kPipeAtom = 4096 /* PIPE_BUF: goes at once when there is room */ };

size_t bytes_left(const struct relay* relay) {
    return relay->end - relay->start;
}

static void end_input(struct relay* relay) {
    if (!relay->to_host)
        close(relay->from);
    relay->from = -1;
}

// Nobody reads any more: what the host writes from here on fails there, as it should.
static void end_output(struct relay* relay) {
    relay->start = relay->end = 0;
    if (relay->from >= 0)
        end_input(relay);
    if (relay->to_host && relay->to >= 0)
        close(relay->to);
    relay->to = -1;
}

bool read_some(struct relay* relay) {
    const ssize_t count = read(relay->from, relay->bytes, kBufferBytes);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    if (count <= 0) { // EIO: a terminal without programs
        end_input(relay);
        if (relay->to_host)
            end_output(relay);
        return true;
    }
    relay->end = (size_t)count;
    return true;
}

void write_some(struct relay* relay) {
    size_t length = bytes_left(relay);
    // The host's ends are ours alone and do not block; one's own are shared with others.
    if (!relay->to_host && length > kPipeAtom)
        length = kPipeAtom;
    const ssize_t count = write(relay->to, relay->bytes + relay->start, length);
    if (count < 0 && errno != EAGAIN && errno != EINTR)
        return end_output(relay);
    if (count > 0)
        relay->start += (size_t)count;
    if (relay->start == relay->end)
        relay->start = relay->end = 0;
}

bool add_relay(struct relay* relays, size_t* count, int from, int to, bool to_host) {
    struct relay* relay = &relays[(*count)++];
    *relay = (struct relay){from, to, to_host, 0, 0, malloc(kBufferBytes)};
    const int end = to_host ? to : from;
    return relay->bytes && fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK) == 0;
}

// Whether there may be more to read of what the program wrote before its end. Where nothing of it runs on,
// that is until the end of the pipe. Where something does, that holds the pipe open; what the host has not
// brought yet comes soon.
static bool may_have_more(const struct relay* relay, bool all_ended) {
    enum { kPatienceMilliseconds = 100 };
    struct pollfd polled = {relay->from, POLLIN, 0};
    return poll(&polled, 1, all_ended ? -1 : host_is_windows() ? kPatienceMilliseconds : 0) > 0;
}

void drain(struct relay* relays, size_t count, bool all_ended) {
    for (size_t i = 0; i < count; ++i) {
        struct relay* relay = &relays[i];
        if (relay->to_host)
            continue;
        while (relay->to >= 0 && (bytes_left(relay) > 0 ||
                                  (relay->from >= 0 && may_have_more(relay, all_ended) && read_some(relay))))
            while (relay->to >= 0 && bytes_left(relay) > 0) {
                struct pollfd polled = {relay->to, POLLOUT, 0};
                poll(&polled, 1, -1);
                write_some(relay);
            }
    }
}
