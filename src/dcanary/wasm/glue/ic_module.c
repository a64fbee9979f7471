/* `_ic`: the System API as a builtin Python module, one function each, positional arguments,
   bytes, int and str only. */
#include "runtime.h"

int dcanary_building = 1;

static int running(const char *name) {
  if (!dcanary_building) return 1;
  PyErr_Format(PyExc_RuntimeError,
               "ic function %s was called while the canister was being built; module-level code "
               "runs at build time, so call it from a method, init or post_upgrade",
               name);
  return 0;
}

static int arity(const char *name, Py_ssize_t given, Py_ssize_t wanted) {
  if (given == wanted) return 1;
  PyErr_Format(PyExc_TypeError, "_ic.%s takes %zd arguments, not %zd", name, wanted, given);
  return 0;
}

static int as_bytes(PyObject *object, char **data, uint32_t *size) {
  Py_ssize_t length;
  if (PyBytes_AsStringAndSize(object, data, &length) < 0) return 0;
  *size = (uint32_t)length;
  return 1;
}

/* A str as UTF-8. What UTF-8 cannot hold (lone surrogates) is escaped; `*owner` keeps it alive. */
static int as_text(PyObject *object, const char **data, uint32_t *size, PyObject **owner) {
  Py_ssize_t length;
  char *escaped;
  *owner = NULL;
  *data = PyUnicode_AsUTF8AndSize(object, &length);
  if (*data != NULL) {
    *size = (uint32_t)length;
    return 1;
  }
  PyErr_Clear();
  *owner = PyUnicode_AsEncodedString(object, "utf-8", "backslashreplace");
  if (*owner == NULL || !as_bytes(*owner, &escaped, size)) return 0;
  *data = escaped;
  return 1;
}

static int as_u64(PyObject *object, uint64_t *value) {
  *value = PyLong_AsUnsignedLongLong(object);
  return !(*value == UINT64_MAX && PyErr_Occurred());
}

static int as_u32(PyObject *object, uint32_t *value) {
  uint64_t wide;
  if (!as_u64(object, &wide)) return 0;
  if (wide > UINT32_MAX) {
    PyErr_SetString(PyExc_OverflowError, "the number does not fit in 32 bits");
    return 0;
  }
  *value = (uint32_t)wide;
  return 1;
}

static int as_u128(PyObject *object, uint64_t half[2]) {
  Py_ssize_t needed = PyLong_AsNativeBytes(
      object, half, 16, NATIVE_LITTLE_ENDIAN | NATIVE_UNSIGNED | NATIVE_REJECT_NEGATIVE);
  if (needed < 0) return 0;
  if (needed > 16) {
    PyErr_SetString(PyExc_OverflowError, "the amount of cycles does not fit in 128 bits");
    return 0;
  }
  return 1;
}

static PyObject *from_u128(const uint64_t half[2]) {
  return PyLong_FromUnsignedNativeBytes(half, 16, NATIVE_LITTLE_ENDIAN);
}

static PyObject *from_bool(uint32_t value) { return value ? Py_True : Py_False; }

#define NOARGS(name) static PyObject *name(PyObject *self, PyObject *unused)
#define ONE(name) static PyObject *name(PyObject *self, PyObject *object)
#define MANY(name) static PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t count)
#define RUNNING(name) \
  if (!running(#name)) return NULL

/* A blob that the System API offers as a pair of `size` and `copy`. */
#define BLOB(name)                                              \
  NOARGS(name) {                                                \
    RUNNING(name);                                              \
    uint32_t size = ic0_##name##_size();                        \
    PyObject *blob = PyBytes_FromStringAndSize(NULL, size);     \
    if (blob) ic0_##name##_copy(PyBytes_AsString(blob), 0, size); \
    return blob;                                                \
  }

#define TEXT(name)                                                      \
  NOARGS(name) {                                                        \
    RUNNING(name);                                                      \
    uint32_t size = ic0_##name##_size();                                \
    PyObject *blob = PyBytes_FromStringAndSize(NULL, size), *text;      \
    if (!blob) return NULL;                                             \
    ic0_##name##_copy(PyBytes_AsString(blob), 0, size);                 \
    text = PyUnicode_DecodeUTF8(PyBytes_AsString(blob), size, "replace"); \
    Py_DecRef(blob);                                                    \
    return text;                                                        \
  }

#define U32(name)                         \
  NOARGS(name) {                          \
    RUNNING(name);                        \
    return PyLong_FromUInt32(ic0_##name()); \
  }

#define U64(name)                         \
  NOARGS(name) {                          \
    RUNNING(name);                        \
    return PyLong_FromUInt64(ic0_##name()); \
  }

#define U128(name)        \
  NOARGS(name) {          \
    uint64_t half[2];     \
    RUNNING(name);        \
    ic0_##name##128(half); \
    return from_u128(half); \
  }

BLOB(msg_arg_data)
BLOB(msg_caller)
BLOB(canister_self)
TEXT(msg_reject_msg)
TEXT(msg_method_name)
U32(msg_reject_code)
U32(canister_status)
U64(msg_deadline)
U64(canister_version)
U64(time)
U128(msg_cycles_available)
U128(msg_cycles_refunded)
U128(canister_cycle_balance)

ONE(msg_reply) {
  char *data;
  uint32_t size;
  RUNNING(msg_reply);
  if (!as_bytes(object, &data, &size)) return NULL;
  ic0_msg_reply_data_append(data, size);
  ic0_msg_reply();
  return Py_None;
}

ONE(msg_reject) {
  const char *data;
  uint32_t size;
  PyObject *owner;
  RUNNING(msg_reject);
  if (!as_text(object, &data, &size, &owner)) return NULL;
  ic0_msg_reject(data, size);
  if (owner) Py_DecRef(owner);
  return Py_None;
}

ONE(msg_cycles_accept) {
  uint64_t most[2], accepted[2];
  RUNNING(msg_cycles_accept);
  if (!as_u128(object, most)) return NULL;
  ic0_msg_cycles_accept128(most[1], most[0], accepted);
  return from_u128(accepted);
}

NOARGS(accept_message) {
  RUNNING(accept_message);
  ic0_accept_message();
  return Py_None;
}

/* call_perform(callee, method, arg, cycles, token, timeout) -> 0 when the call was sent; `timeout` is
   seconds, or None for a call that waits without a bound */
MANY(call_perform) {
  char *callee, *argument;
  const char *method;
  uint32_t callee_size, method_size, argument_size, token, timeout = 0, refused;
  uint64_t cycles[2];
  PyObject *owner;
  RUNNING(call_perform);
  if (!arity("call_perform", count, 6) || !as_bytes(args[0], &callee, &callee_size) ||
      !as_bytes(args[2], &argument, &argument_size) || !as_u128(args[3], cycles) ||
      !as_u32(args[4], &token) || (args[5] != Py_None && !as_u32(args[5], &timeout)) ||
      !as_text(args[1], &method, &method_size, &owner))
    return NULL;
  if (token) {
    ic0_call_new(callee, callee_size, method, method_size, (uint32_t)(uintptr_t)dcanary_on_reply,
                 token, (uint32_t)(uintptr_t)dcanary_on_reject, token);
    ic0_call_on_cleanup((uint32_t)(uintptr_t)dcanary_on_cleanup, token);
  } else { /* an index that no table has: the answer is dropped */
    ic0_call_new(callee, callee_size, method, method_size, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                 UINT32_MAX);
  }
  if (args[5] != Py_None) ic0_call_with_best_effort_response(timeout);
  ic0_call_data_append(argument, argument_size);
  if (cycles[0] | cycles[1]) ic0_call_cycles_add128(cycles[1], cycles[0]);
  refused = ic0_call_perform();
  if (owner) Py_DecRef(owner);
  return PyLong_FromUInt32(refused);
}

NOARGS(stable_size) {
  RUNNING(stable_size);
  return PyLong_FromUInt64(ic0_stable64_size());
}

ONE(stable_grow) {
  uint64_t pages, old;
  RUNNING(stable_grow);
  if (!as_u64(object, &pages)) return NULL;
  old = ic0_stable64_grow(pages);
  return old == UINT64_MAX ? PyLong_FromLong(-1) : PyLong_FromUInt64(old);
}

static int in_stable(uint64_t offset, uint64_t size) {
  uint64_t end = ic0_stable64_size() << 16;
  if (offset <= end && size <= end - offset) return 1;
  PyErr_Format(PyExc_ValueError,
               "stable memory has %llu bytes; %llu bytes at offset %llu are outside it", end, size,
               offset);
  return 0;
}

MANY(stable_read) {
  uint64_t offset;
  uint32_t size;
  PyObject *blob;
  RUNNING(stable_read);
  if (!arity("stable_read", count, 2) || !as_u64(args[0], &offset) || !as_u32(args[1], &size) ||
      !in_stable(offset, size))
    return NULL;
  blob = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
  if (blob && size) ic0_stable64_read((uintptr_t)PyBytes_AsString(blob), offset, size);
  return blob;
}

MANY(stable_write) {
  uint64_t offset;
  char *data;
  uint32_t size;
  RUNNING(stable_write);
  if (!arity("stable_write", count, 2) || !as_u64(args[0], &offset) ||
      !as_bytes(args[1], &data, &size) || !in_stable(offset, size))
    return NULL;
  if (size) ic0_stable64_write(offset, (uintptr_t)data, size);
  return Py_None;
}

ONE(certified_data_set) {
  char *data;
  uint32_t size;
  RUNNING(certified_data_set);
  if (!as_bytes(object, &data, &size)) return NULL;
  if (size > 32) {
    PyErr_SetString(PyExc_ValueError, "certified data has at most 32 bytes");
    return NULL;
  }
  ic0_certified_data_set(data, size);
  return Py_None;
}

BLOB(data_certificate)

NOARGS(data_certificate_or_none) {
  if (!dcanary_building && !ic0_data_certificate_present()) return Py_None;
  return data_certificate(self, unused);
}

ONE(global_timer_set) {
  uint64_t timestamp;
  RUNNING(global_timer_set);
  if (!as_u64(object, &timestamp)) return NULL;
  return PyLong_FromUInt64(ic0_global_timer_set(timestamp));
}

ONE(performance_counter) {
  uint32_t kind;
  RUNNING(performance_counter);
  if (!as_u32(object, &kind)) return NULL;
  if (kind > 1) {
    PyErr_SetString(PyExc_ValueError, "the performance counters are 0 (message) and 1 (call)");
    return NULL;
  }
  return PyLong_FromUInt64(ic0_performance_counter(kind));
}

ONE(is_controller) {
  char *data;
  uint32_t size;
  RUNNING(is_controller);
  if (!as_bytes(object, &data, &size)) return NULL;
  if (size > 29) {
    PyErr_SetString(PyExc_ValueError, "a principal has at most 29 bytes");
    return NULL;
  }
  return from_bool(ic0_is_controller(data, size));
}

NOARGS(in_replicated_execution) {
  RUNNING(in_replicated_execution);
  return from_bool(ic0_in_replicated_execution());
}

ONE(debug_print) {
  const char *data;
  uint32_t size;
  PyObject *owner;
  RUNNING(debug_print);
  if (!as_text(object, &data, &size, &owner)) return NULL;
  ic0_debug_print(data, size);
  if (owner) Py_DecRef(owner);
  return Py_None;
}

ONE(trap) {
  const char *data;
  uint32_t size;
  PyObject *owner;
  RUNNING(trap);
  if (!as_text(object, &data, &size, &owner)) return NULL;
  dcanary_trap(data, size);
}

/* seed_random(seed): os.urandom answers from here on, with bytes derived from the seed. */
ONE(seed_random) {
  char *data;
  uint32_t size;
  RUNNING(seed_random);
  if (!as_bytes(object, &data, &size)) return NULL;
  if (size < 32) {
    PyErr_SetString(PyExc_ValueError, "a seed has at least 32 bytes");
    return NULL;
  }
  dcanary_seed_random((const unsigned char *)data, size);
  return Py_None;
}

#define M_NOARGS(name) {#name, name, METH_NOARGS, NULL}
#define M_ONE(name) {#name, name, METH_O, NULL}
#define M_MANY(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}

static PyMethodDef methods[] = {
    M_NOARGS(msg_arg_data),
    M_NOARGS(msg_caller),
    M_NOARGS(msg_reject_code),
    M_NOARGS(msg_reject_msg),
    M_NOARGS(msg_deadline),
    M_ONE(msg_reply),
    M_ONE(msg_reject),
    M_NOARGS(msg_cycles_available),
    M_ONE(msg_cycles_accept),
    M_NOARGS(msg_cycles_refunded),
    M_NOARGS(msg_method_name),
    M_NOARGS(accept_message),
    M_NOARGS(canister_self),
    M_NOARGS(canister_cycle_balance),
    M_NOARGS(canister_status),
    M_NOARGS(canister_version),
    M_MANY(call_perform),
    M_NOARGS(stable_size),
    M_ONE(stable_grow),
    M_MANY(stable_read),
    M_MANY(stable_write),
    M_ONE(certified_data_set),
    {"data_certificate", data_certificate_or_none, METH_NOARGS, NULL},
    M_NOARGS(time),
    M_ONE(global_timer_set),
    M_ONE(performance_counter),
    M_ONE(is_controller),
    M_NOARGS(in_replicated_execution),
    M_ONE(debug_print),
    M_ONE(trap),
    M_ONE(seed_random),
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    {{1, NULL}, NULL, 0, NULL}, "_ic", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyObject *dcanary_init_ic(void) { return PyModule_Create2(&definition, PYTHON_API_VERSION); }
