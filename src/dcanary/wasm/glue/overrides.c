/* Functions of the C library that the interpreter gets from here instead: those that cannot say
   through WASI that a canister does not have them. */
#include "runtime.h"

#define OVERRIDE(name) EXPORT("override:" name)

extern int *__errno_location(void);

enum { E_IO = 29, E_NOSYS = 52 }; /* numbers of wasi-libc */

/* Random bytes. At build time: zeros, so that the same sources give the same module. In the running
   canister: the ChaCha20 key stream (RFC 8439) of the seed; an error before there is one. */
static uint32_t state[16];
static int seeded;

static uint32_t rotate(uint32_t value, int by) { return value << by | value >> (32 - by); }

static void quarter(uint32_t *x, int a, int b, int c, int d) {
  x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
  x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
  x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
  x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

static void next_block(uint32_t *x) {
  for (int i = 0; i < 16; i++) x[i] = state[i];
  for (int i = 0; i < 10; i++) {
    quarter(x, 0, 4, 8, 12), quarter(x, 1, 5, 9, 13);
    quarter(x, 2, 6, 10, 14), quarter(x, 3, 7, 11, 15);
    quarter(x, 0, 5, 10, 15), quarter(x, 1, 6, 11, 12);
    quarter(x, 2, 7, 8, 13), quarter(x, 3, 4, 9, 14);
  }
  for (int i = 0; i < 16; i++) x[i] += state[i];
  if (!++state[12]) state[13]++;
}

/* Each 32 bytes of the seed are mixed into the key, and a block of the stream becomes the next
   key. Bytes of an earlier seed keep their effect. */
void dcanary_seed_random(const unsigned char *seed, uint32_t size) {
  static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  uint32_t block[16];
  for (int i = 0; i < 4; i++) state[i] = constants[i];
  for (uint32_t at = 0; at < size; at += 32) {
    for (uint32_t i = 0; i < 32 && at + i < size; i++)
      state[4 + i / 4] ^= (uint32_t)seed[at + i] << 8 * (i % 4);
    next_block(block);
    for (int i = 0; i < 8; i++) state[4 + i] = block[i];
  }
  state[12] = state[13] = state[14] = state[15] = 0;
  seeded = 1;
}

OVERRIDE("getentropy") int override_getentropy(void *buffer, size_t size) {
  unsigned char *out = buffer;
  uint32_t block[16];
  if (!dcanary_building && !seeded) {
    *__errno_location() = E_IO;
    return -1;
  }
  for (size_t i = 0; i < size; i++) {
    if (dcanary_building) {
      out[i] = 0;
      continue;
    }
    if (i % 64 == 0) next_block(block);
    out[i] = (unsigned char)(block[i % 64 / 4] >> 8 * (i % 4));
  }
  return 0;
}

/* A canister cannot wait. */
OVERRIDE("clock_nanosleep")
int override_clock_nanosleep(uint32_t clock, int flags, const void *duration, void *rest) {
  return E_NOSYS;
}

/* The interpreter's fatal errors end here, after their text went to the error output. */
OVERRIDE("abort") void override_abort(void) {
  dcanary_trap_literal("the Python interpreter stopped with a fatal error (see the canister's log)");
}
