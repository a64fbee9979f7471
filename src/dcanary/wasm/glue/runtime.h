/* What the glue's files share. */
#ifndef DCANARY_RUNTIME_H
#define DCANARY_RUNTIME_H
#include "ic0.h"
#include "python_api.h"

#define EXPORT(name) __attribute__((export_name(name), visibility("default")))

/* 1 until the snapshot is taken: the System API cannot be reached then. */
extern int dcanary_building;

PyObject *dcanary_init_ic(void);

/* Trap with a text; the second form drops the message's remaining output first. */
_Noreturn void dcanary_trap(const char *text, uint32_t size);
_Noreturn void dcanary_trap_object(PyObject *text);
_Noreturn void dcanary_trap_literal(const char *text);

/* Hand a line that was begun but not ended to the log. */
void dcanary_flush_output(void);

/* Make random bytes available, derived from the seed alone. */
void dcanary_seed_random(const unsigned char *seed, uint32_t size);

/* Give every object that exists now a reference count that is never written again. Returns how
   many pages of memory are in use; pages after those were needed only for the work itself. */
uint32_t dcanary_immortalize(void);

/* Entries of the function table that the replica calls back. */
void dcanary_on_reply(uint32_t token);
void dcanary_on_reject(uint32_t token);
void dcanary_on_cleanup(uint32_t token);

#endif
