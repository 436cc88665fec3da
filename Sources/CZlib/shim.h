#pragma once
#include <zlib.h>

// Macros that Swift cannot import, as functions.

// Prepares a stream for data with gzip's header and checksum.
static inline int zlib_start_gzip(z_stream *stream) { return inflateInit2(stream, 16 + MAX_WBITS); }
