/* The part of CPython's C interface that the glue uses. No Python headers are needed: objects are
   opaque, and the three structures below are part of the stable ABI (PEP 384). */
#ifndef DCANARY_PYTHON_API_H
#define DCANARY_PYTHON_API_H
#include <stddef.h>
#include <stdint.h>

typedef intptr_t Py_ssize_t;
typedef struct _object PyObject;
typedef struct _config PyInitConfig;
typedef PyObject *(*PyCFunction)(PyObject *, PyObject *);
typedef PyObject *(*PyCFunctionFast)(PyObject *, PyObject *const *, Py_ssize_t);
typedef int (*visitproc)(PyObject *, void *);
typedef int (*traverseproc)(PyObject *, visitproc, void *);

/* Head of every object on a 32-bit build with the global lock. */
struct _object {
  Py_ssize_t ob_refcnt;
  PyObject *ob_type;
};

typedef struct {
  const char *name;
  PyCFunction function;
  int flags;
  const char *doc;
} PyMethodDef;

typedef struct {
  struct {
    struct _object head;
    void *init;
    Py_ssize_t index;
    void *copy;
  } base;
  const char *name;
  const char *doc;
  Py_ssize_t size;
  PyMethodDef *methods;
  void *slots, *traverse, *clear, *free;
} PyModuleDef;

enum { METH_NOARGS = 0x4, METH_O = 0x8, METH_FASTCALL = 0x80 };
enum { PYTHON_API_VERSION = 1013 };
enum { NATIVE_LITTLE_ENDIAN = 1, NATIVE_UNSIGNED = 4, NATIVE_REJECT_NEGATIVE = 8 };
enum { SLOT_TP_TRAVERSE = 71 };
#define FLAG_HEAP_TYPE (1UL << 9)
#define FLAG_TYPE_SUBCLASS (1UL << 31)

extern struct _object _Py_NoneStruct, _Py_TrueStruct, _Py_FalseStruct;
extern PyObject *PyExc_RuntimeError, *PyExc_TypeError, *PyExc_ValueError;
extern PyObject *PyExc_OverflowError;
extern struct _object PyCode_Type;

extern PyInitConfig *PyInitConfig_Create(void);
extern int PyInitConfig_SetInt(PyInitConfig *, const char *name, int64_t value);
extern int PyInitConfig_SetStr(PyInitConfig *, const char *name, const char *value);
extern int PyInitConfig_SetStrList(PyInitConfig *, const char *name, size_t length,
                                   char *const *items);
extern int PyInitConfig_AddModule(PyInitConfig *, const char *name, PyObject *(*init)(void));
extern int PyInitConfig_GetError(PyInitConfig *, const char **message);
extern void PyInitConfig_Free(PyInitConfig *);
extern int Py_InitializeFromInitConfig(PyInitConfig *);

extern PyObject *PyModule_Create2(PyModuleDef *, int api_version);
extern PyObject *PyImport_ImportModule(const char *);
extern PyObject *PyObject_GetAttrString(PyObject *, const char *);
extern PyObject *PyObject_GetAttr(PyObject *, PyObject *);
extern PyObject *PyObject_CallFunctionObjArgs(PyObject *, ...);
extern PyObject *PyObject_CallNoArgs(PyObject *);
extern void *PyType_GetSlot(PyObject *type, int slot);
extern unsigned long PyType_GetFlags(PyObject *type);

extern void Py_DecRef(PyObject *);

extern PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t);
extern int PyBytes_AsStringAndSize(PyObject *, char **, Py_ssize_t *);
extern char *PyBytes_AsString(PyObject *);
extern PyObject *PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *errors);
extern PyObject *PyUnicode_AsEncodedString(PyObject *, const char *encoding, const char *errors);
extern const char *PyUnicode_AsUTF8AndSize(PyObject *, Py_ssize_t *);
extern PyObject *PyUnicode_InternFromString(const char *);
extern PyObject *PyLong_FromUInt32(uint32_t);
extern PyObject *PyLong_FromUInt64(uint64_t);
extern PyObject *PyLong_FromLong(long);
extern uint64_t PyLong_AsUnsignedLongLong(PyObject *);
extern PyObject *PyLong_FromUnsignedNativeBytes(const void *, size_t, int flags);
extern Py_ssize_t PyLong_AsNativeBytes(PyObject *, void *, Py_ssize_t, int flags);

extern PyObject *PyErr_Occurred(void);
extern void PyErr_Clear(void);
extern void PyErr_SetString(PyObject *type, const char *message);
extern PyObject *PyErr_Format(PyObject *type, const char *format, ...);
extern PyObject *PyErr_GetRaisedException(void);

extern Py_ssize_t PyGC_Collect(void);
extern void PyUnstable_GC_VisitObjects(int (*callback)(PyObject *, void *), void *);
extern int PyUnstable_IsImmortal(PyObject *);

#define Py_None (&_Py_NoneStruct)
#define Py_True (&_Py_TrueStruct)
#define Py_False (&_Py_FalseStruct)

#endif
