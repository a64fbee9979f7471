/* The life of the interpreter: initialisation at build time, the seal before the snapshot, and the
   entry points of the running canister. */
#include "runtime.h"

/* What the host reads after a call: one of these, at the returned address. */
static struct {
  uint32_t failed;
  const char *data;
  uint32_t size;
} answer;

static PyObject *boot, *answer_owner;
static PyObject *entry_dispatch, *entry_on_reply, *entry_on_reject, *entry_on_cleanup;
static PyObject *boot_describe;

static uint32_t strlen32(const char *text) {
  uint32_t size = 0;
  while (text[size]) size++;
  return size;
}

static uint32_t give(uint32_t failed, const char *data, uint32_t size) {
  answer.failed = failed;
  answer.data = data;
  answer.size = size;
  return (uint32_t)(uintptr_t)&answer;
}

static uint32_t give_literal(uint32_t failed, const char *text) {
  return give(failed, text, strlen32(text));
}

/* The raised exception as text, by the boot module; works with no memory to spare as well. */
static PyObject *describe_exception(void) {
  PyObject *exception = PyErr_GetRaisedException(), *text;
  if (!exception || !boot_describe) return NULL;
  text = PyObject_CallFunctionObjArgs(boot_describe, exception, NULL);
  if (!text) PyErr_Clear();
  Py_DecRef(exception);
  return text;
}

static uint32_t give_exception(void) {
  Py_ssize_t size;
  const char *data;
  PyObject *text = describe_exception();
  if (!text || !(data = PyUnicode_AsUTF8AndSize(text, &size)))
    return give_literal(1, "an exception that could not be described");
  if (answer_owner) Py_DecRef(answer_owner);
  answer_owner = text;
  return give(1, data, (uint32_t)size);
}

EXPORT("initialize") uint32_t initialize(uint32_t optimization) {
  static char *search_path[] = {"/python"};
  const char *message = "out of memory";
  PyInitConfig *config = PyInitConfig_Create();
  if (!config) return give_literal(1, message);
  if (PyInitConfig_SetInt(config, "isolated", 1) < 0 ||
      PyInitConfig_SetInt(config, "use_environment", 0) < 0 ||
      PyInitConfig_SetInt(config, "utf8_mode", 1) < 0 ||
      PyInitConfig_SetInt(config, "use_hash_seed", 1) < 0 ||
      PyInitConfig_SetInt(config, "hash_seed", 0) < 0 ||
      PyInitConfig_SetInt(config, "site_import", 0) < 0 ||
      PyInitConfig_SetInt(config, "write_bytecode", 0) < 0 ||
      PyInitConfig_SetInt(config, "install_signal_handlers", 0) < 0 ||
      PyInitConfig_SetInt(config, "buffered_stdio", 0) < 0 ||
      PyInitConfig_SetInt(config, "code_debug_ranges", 0) < 0 ||
      PyInitConfig_SetInt(config, "pathconfig_warnings", 0) < 0 ||
      PyInitConfig_SetInt(config, "optimization_level", optimization) < 0 ||
      PyInitConfig_SetStr(config, "program_name", "/python/python") < 0 ||
      PyInitConfig_SetStr(config, "executable", "/python/python") < 0 ||
      PyInitConfig_SetStr(config, "home", "/python") < 0 ||
      PyInitConfig_SetStrList(config, "module_search_paths", 1, search_path) < 0 ||
      PyInitConfig_AddModule(config, "_ic", dcanary_init_ic) < 0 ||
      Py_InitializeFromInitConfig(config) < 0) {
    PyInitConfig_GetError(config, &message);
    return give_literal(1, message ? message : "Python did not start");
  }
  PyInitConfig_Free(config);
  boot = PyImport_ImportModule("_dcanary_boot");
  if (!boot) return give_literal(1, "the boot module cannot be imported");
  boot_describe = PyObject_GetAttrString(boot, "describe");
  if (!boot_describe) return give_exception();
  return give_literal(0, "");
}

/* Call boot.NAME(ARGUMENT) at build time: bytes to bytes. */
EXPORT("call-boot")
uint32_t call_boot(const char *name, uint32_t name_size, const char *data, uint32_t size) {
  PyObject *key = PyUnicode_DecodeUTF8(name, (Py_ssize_t)name_size, NULL);
  PyObject *argument = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
  PyObject *function = key && argument ? PyObject_GetAttr(boot, key) : NULL;
  PyObject *result = function ? PyObject_CallFunctionObjArgs(function, argument, NULL) : NULL;
  char *text;
  Py_ssize_t length;
  if (function) Py_DecRef(function);
  if (argument) Py_DecRef(argument);
  if (key) Py_DecRef(key);
  if (!result || PyBytes_AsStringAndSize(result, &text, &length) < 0) return give_exception();
  if (answer_owner) Py_DecRef(answer_owner);
  answer_owner = result;
  return give(0, text, (uint32_t)length);
}

/* The last step at build time: nothing runs between it and the snapshot. Answers with the number of
   memory pages that belong into it. */
EXPORT("seal") uint32_t seal(void) {
  static uint32_t pages;
  PyObject *entry = PyImport_ImportModule("kybra._entry"), *result, *finish;
  if (!entry || !(entry_dispatch = PyObject_GetAttrString(entry, "dispatch")) ||
      !(entry_on_reply = PyObject_GetAttrString(entry, "on_reply")) ||
      !(entry_on_reject = PyObject_GetAttrString(entry, "on_reject")) ||
      !(entry_on_cleanup = PyObject_GetAttrString(entry, "on_cleanup")) ||
      !(finish = PyObject_GetAttrString(boot, "finish")))
    return give_exception();
  Py_DecRef(entry);
  if (answer_owner) Py_DecRef(answer_owner);
  answer_owner = NULL;
  result = PyObject_CallNoArgs(finish);
  if (!result) return give_exception();
  Py_DecRef(result);
  Py_DecRef(finish);
  pages = dcanary_immortalize();
  dcanary_building = 0;
  return give(0, (const char *)&pages, sizeof pages);
}

/* Call an entry of the guest. It reports the exceptions of the canister itself, with its own
   traceback; what still gets here (memory or stack exhausted while doing so) traps as well. */
static void call_entry(PyObject *function, uint32_t number) {
  PyObject *argument = PyLong_FromUInt32(number), *result, *text;
  result = argument ? PyObject_CallFunctionObjArgs(function, argument, NULL) : NULL;
  if (!result) {
    text = describe_exception();
    if (text) dcanary_trap_object(text);
    dcanary_trap_literal("an exception that could not be described");
  }
  Py_DecRef(argument);
  Py_DecRef(result);
  dcanary_flush_output();
}

EXPORT("dispatch") void dispatch(uint32_t index) { call_entry(entry_dispatch, index); }

void dcanary_on_reply(uint32_t token) { call_entry(entry_on_reply, token); }
void dcanary_on_reject(uint32_t token) { call_entry(entry_on_reject, token); }
void dcanary_on_cleanup(uint32_t token) { call_entry(entry_on_cleanup, token); }
