/* Immortal objects (PEP 683): CPython never writes a reference count that is large enough. After
   the snapshot the same objects are used by every message; with their counts frozen, a message
   writes to far fewer pages of memory, and dirty pages are what a message costs. */
#include "runtime.h"

/* Object/object.h of CPython 3.14 on 32 bits: a count from 1 << 30 on is immortal, from 6 << 28 on
   the object is moreover static. The lowest bit marks what has been seen. */
#define IMMORTAL (((Py_ssize_t)5 << 28) | 1)
#define STATIC_MINIMUM ((Py_ssize_t)6 << 28)
#define STATIC_IMMORTAL ((Py_ssize_t)(((uint32_t)7 << 28) | 1))

enum { PAGE = 65536 };

/* The work list lies in pages beyond the heap, which the snapshot leaves out: the heap itself is
   not touched while it is walked. */
static PyObject **stack, **top, **limit;
static PyObject *code_attributes[6];

static int visit(PyObject *object, void *unused) {
  Py_ssize_t count = object->ob_refcnt;
  if (count == IMMORTAL || count == STATIC_IMMORTAL) return 0;
  object->ob_refcnt = count >= STATIC_MINIMUM || count < 0 ? STATIC_IMMORTAL : IMMORTAL;
  if (top == limit) {
    if (__builtin_wasm_memory_grow(0, 16) == (size_t)-1) __builtin_trap();
    limit += 16 * PAGE / sizeof(PyObject *);
  }
  *top++ = object;
  return 0;
}

static void expand(PyObject *object) {
  traverseproc traverse;
  visit(object->ob_type, NULL);
  if (object->ob_type == &PyCode_Type) { /* not a container to the collector, but it is one */
    for (int i = 0; i < 6; i++) {
      PyObject *part = PyObject_GetAttr(object, code_attributes[i]);
      if (part) visit(part, NULL);
    }
    return;
  }
  if (PyType_GetFlags(object->ob_type) & FLAG_TYPE_SUBCLASS &&
      !(PyType_GetFlags(object) & FLAG_HEAP_TYPE))
    return; /* a static type: its dictionary is a container of its own */
  traverse = (traverseproc)PyType_GetSlot(object->ob_type, SLOT_TP_TRAVERSE);
  if (traverse) traverse(object, visit, NULL);
}

static int root(PyObject *object, void *unused) {
  visit(object, NULL);
  while (top != stack) expand(*--top);
  return 1;
}

uint32_t dcanary_immortalize(void) {
  static const char *names[6] = {"co_consts",   "co_names", "co_filename",
                                 "co_qualname", "co_name",  "co_linetable"};
  uint32_t pages;
  for (int i = 0; i < 6; i++) code_attributes[i] = PyUnicode_InternFromString(names[i]);
  pages = (uint32_t)__builtin_wasm_memory_size(0);
  stack = top = limit = (PyObject **)(pages * PAGE);
  PyUnstable_GC_VisitObjects(root, NULL);
  stack = top = limit = NULL;
  return pages;
}
