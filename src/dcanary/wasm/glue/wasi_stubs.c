/* What the interpreter's C library gets from its system once the canister runs: the clock of the
   replica, output to the log, and an error for everything that a canister does not have. Names and
   layouts are those of WASI 0.2 in the canonical ABI; the error's place in a result depends on the
   alignment of the value that the result would carry. */
#include "runtime.h"

#define STUB(name) EXPORT("stub:" name)

enum { NO_ENTRY = 20, UNSUPPORTED = 27, READ_ONLY = 33 }; /* wasi:filesystem/types error-code */
enum { SOCKET_NOT_SUPPORTED = 2 };                        /* wasi:sockets/network error-code */
enum { OPEN_FLAG_CREATE = 1 };
enum { STDIN = 1, STDOUT = 2, STDERR = 3 }; /* the handles that the build gives out too */

static void fail(unsigned char *result, int offset, int code) {
  result[0] = 1;
  result[offset] = (unsigned char)code;
}

/* Output: lines to the log. The last lines of the error output are kept for the trap text. */
static char line[4096];
static uint32_t line_size;

void dcanary_flush_output(void) {
  if (line_size) ic0_debug_print(line, line_size);
  line_size = 0;
}

static void put(const char *data, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) {
    if (data[i] == '\n' && line_size) {
      dcanary_flush_output();
    } else if (data[i] == '\n') {
      ic0_debug_print("", 0);
    } else {
      if (line_size == sizeof line) dcanary_flush_output();
      line[line_size++] = data[i];
    }
  }
}

_Noreturn void dcanary_trap(const char *text, uint32_t size) {
  dcanary_flush_output();
  ic0_trap(text, size);
  __builtin_trap();
}

_Noreturn void dcanary_trap_literal(const char *text) {
  uint32_t size = 0;
  while (text[size]) size++;
  dcanary_trap(text, size);
}

_Noreturn void dcanary_trap_object(PyObject *text) {
  Py_ssize_t size;
  const char *data = PyUnicode_AsUTF8AndSize(text, &size);
  if (!data) dcanary_trap_literal("an exception whose text is not valid UTF-8");
  dcanary_trap(data, (uint32_t)size);
}

STUB("output-stream.check-write") void stub_check_write(uint32_t stream, unsigned char *result) {
  result[0] = 0;
  *(uint64_t *)(result + 8) = 1 << 16;
}
STUB("output-stream.write")
void stub_write(uint32_t stream, const char *data, uint32_t size, unsigned char *result) {
  put(data, size);
  result[0] = 0;
}
STUB("output-stream.blocking-flush")
void stub_blocking_flush(uint32_t stream, unsigned char *result) { result[0] = 0; }
STUB("input-stream.read")
void stub_input_read(uint32_t stream, uint64_t size, unsigned char *result) {
  result[0] = 1; /* stream-error.closed: end of file */
  result[4] = 1;
}
STUB("get-stdin") uint32_t stub_get_stdin(void) { return STDIN; }
STUB("get-stdout") uint32_t stub_get_stdout(void) { return STDOUT; }
STUB("get-stderr") uint32_t stub_get_stderr(void) { return STDERR; }
STUB("get-terminal") void stub_get_terminal(unsigned char *result) { result[0] = 0; }
STUB("drop") void stub_drop(uint32_t handle) {}

STUB("monotonic-clock.now") uint64_t stub_monotonic_now(void) { return ic0_time(); }
STUB("monotonic-clock.resolution") uint64_t stub_monotonic_resolution(void) { return 1; }
STUB("wall-clock.now") void stub_wall_now(unsigned char *result) {
  uint64_t now = ic0_time();
  *(uint64_t *)result = now / 1000000000;
  *(uint32_t *)(result + 8) = (uint32_t)(now % 1000000000);
}
STUB("wall-clock.resolution") void stub_wall_resolution(unsigned char *result) {
  *(uint64_t *)result = 0;
  *(uint32_t *)(result + 8) = 1;
}

STUB("descriptor.stat-at")
void stub_stat_at(uint32_t d, uint32_t f, uint32_t p, uint32_t n, unsigned char *result) {
  fail(result, 8, NO_ENTRY);
}
STUB("descriptor.metadata-hash-at")
void stub_metadata_hash_at(uint32_t d, uint32_t f, uint32_t p, uint32_t n, unsigned char *result) {
  fail(result, 8, NO_ENTRY);
}
STUB("descriptor.open-at")
void stub_open_at(uint32_t d, uint32_t f, uint32_t p, uint32_t n, uint32_t open_flags, uint32_t m,
                  unsigned char *result) {
  fail(result, 4, open_flags & OPEN_FLAG_CREATE ? READ_ONLY : NO_ENTRY);
}
STUB("descriptor.readlink-at")
void stub_readlink_at(uint32_t d, uint32_t p, uint32_t n, unsigned char *result) {
  fail(result, 4, NO_ENTRY);
}
STUB("descriptor.path")
void stub_path_at(uint32_t d, uint32_t p, uint32_t n, unsigned char *result) {
  fail(result, 1, READ_ONLY);
}
STUB("descriptor.two-paths")
void stub_two_paths(uint32_t d, uint32_t p, uint32_t n, uint32_t e, uint32_t q, uint32_t m,
                    unsigned char *result) {
  fail(result, 1, READ_ONLY);
}
STUB("descriptor.symlink-at")
void stub_symlink_at(uint32_t d, uint32_t p, uint32_t n, uint32_t q, uint32_t m,
                     unsigned char *result) {
  fail(result, 1, READ_ONLY);
}
STUB("descriptor.link-at")
void stub_link_at(uint32_t d, uint32_t f, uint32_t p, uint32_t n, uint32_t e, uint32_t q,
                  uint32_t m, unsigned char *result) {
  fail(result, 1, READ_ONLY);
}
STUB("descriptor.set-times-at")
void stub_set_times_at(uint32_t d, uint32_t f, uint32_t p, uint32_t n, uint32_t a, uint64_t as,
                       uint32_t an, uint32_t m, uint64_t ms, uint32_t mn, unsigned char *result) {
  fail(result, 1, NO_ENTRY);
}

STUB("create-socket") void stub_create_socket(uint32_t family, unsigned char *result) {
  fail(result, 4, SOCKET_NOT_SUPPORTED);
}
STUB("instance-network") uint32_t stub_instance_network(void) { return 1; }
STUB("resolve-addresses")
void stub_resolve(uint32_t network, uint32_t name, uint32_t size, unsigned char *result) {
  fail(result, 4, SOCKET_NOT_SUPPORTED);
}

STUB("exit") void stub_exit(uint32_t failed) {
  dcanary_trap_literal("the canister called exit; a canister cannot end itself");
}
STUB("unsupported") void stub_unsupported(void) {
  dcanary_trap_literal("the canister used a system interface that canisters do not have");
}
