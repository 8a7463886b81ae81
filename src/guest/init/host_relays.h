// Copying between the streams of lxss-host and the ends of a program's pipes, without waiting.
#ifndef LXSS_HOST_RELAYS_H
#define LXSS_HOST_RELAYS_H

#include <stdbool.h>
#include <stddef.h>

struct relay {
    int from, to; // -1: ended
    bool to_host;
    size_t start, end;
    char* bytes;
};

size_t bytes_left(const struct relay* relay); // read, and not written yet
// One read, while nothing is left. False at EAGAIN.
bool read_some(struct relay* relay);
// One write. When nobody reads any more, the relay ends.
void write_some(struct relay* relay);

// One more of `relays`, whose number is `count`: the host's end becomes non-blocking. False when it cannot be
// had.
bool add_relay(struct relay* relays, size_t* count, int from, int to, bool to_host);

// What the program wrote before its end. `all_ended`: kInteropAllEnded.
void drain(struct relay* relays, size_t count, bool all_ended);

#endif
