/* The System API of the Internet Computer (interface specification, "System imports"), under the
   names of canister.wit. Pointers and sizes are 32-bit: the module is a wasm32 one. */
#ifndef DCANARY_IC0_H
#define DCANARY_IC0_H
#include <stdint.h>

#define IC0(name) __attribute__((import_module("ic0"), import_name(name)))

IC0("msg-arg-data-size") uint32_t ic0_msg_arg_data_size(void);
IC0("msg-arg-data-copy") void ic0_msg_arg_data_copy(void *dst, uint32_t offset, uint32_t size);
IC0("msg-caller-size") uint32_t ic0_msg_caller_size(void);
IC0("msg-caller-copy") void ic0_msg_caller_copy(void *dst, uint32_t offset, uint32_t size);
IC0("msg-reject-code") uint32_t ic0_msg_reject_code(void);
IC0("msg-reject-msg-size") uint32_t ic0_msg_reject_msg_size(void);
IC0("msg-reject-msg-copy") void ic0_msg_reject_msg_copy(void *dst, uint32_t offset, uint32_t size);
IC0("msg-deadline") uint64_t ic0_msg_deadline(void);
IC0("msg-reply-data-append") void ic0_msg_reply_data_append(const void *src, uint32_t size);
IC0("msg-reply") void ic0_msg_reply(void);
IC0("msg-reject") void ic0_msg_reject(const void *src, uint32_t size);
IC0("msg-cycles-available128") void ic0_msg_cycles_available128(void *dst);
IC0("msg-cycles-refunded128") void ic0_msg_cycles_refunded128(void *dst);
IC0("msg-cycles-accept128")
void ic0_msg_cycles_accept128(uint64_t high, uint64_t low, void *dst);
IC0("msg-method-name-size") uint32_t ic0_msg_method_name_size(void);
IC0("msg-method-name-copy")
void ic0_msg_method_name_copy(void *dst, uint32_t offset, uint32_t size);
IC0("accept-message") void ic0_accept_message(void);
IC0("canister-self-size") uint32_t ic0_canister_self_size(void);
IC0("canister-self-copy") void ic0_canister_self_copy(void *dst, uint32_t offset, uint32_t size);
IC0("canister-cycle-balance128") void ic0_canister_cycle_balance128(void *dst);
IC0("canister-status") uint32_t ic0_canister_status(void);
IC0("canister-version") uint64_t ic0_canister_version(void);
IC0("call-new")
void ic0_call_new(const void *callee, uint32_t callee_size, const void *name, uint32_t name_size,
                  uint32_t reply_fun, uint32_t reply_env, uint32_t reject_fun,
                  uint32_t reject_env);
IC0("call-on-cleanup") void ic0_call_on_cleanup(uint32_t fun, uint32_t env);
IC0("call-with-best-effort-response")
void ic0_call_with_best_effort_response(uint32_t timeout_seconds);
IC0("call-data-append") void ic0_call_data_append(const void *src, uint32_t size);
IC0("call-cycles-add128") void ic0_call_cycles_add128(uint64_t high, uint64_t low);
IC0("call-perform") uint32_t ic0_call_perform(void);
IC0("stable64-size") uint64_t ic0_stable64_size(void);
IC0("stable64-grow") uint64_t ic0_stable64_grow(uint64_t pages);
IC0("stable64-read") void ic0_stable64_read(uint64_t dst, uint64_t offset, uint64_t size);
IC0("stable64-write") void ic0_stable64_write(uint64_t offset, uint64_t src, uint64_t size);
IC0("certified-data-set") void ic0_certified_data_set(const void *src, uint32_t size);
IC0("data-certificate-present") uint32_t ic0_data_certificate_present(void);
IC0("data-certificate-size") uint32_t ic0_data_certificate_size(void);
IC0("data-certificate-copy")
void ic0_data_certificate_copy(void *dst, uint32_t offset, uint32_t size);
IC0("time") uint64_t ic0_time(void);
IC0("global-timer-set") uint64_t ic0_global_timer_set(uint64_t timestamp);
IC0("performance-counter") uint64_t ic0_performance_counter(uint32_t kind);
IC0("is-controller") uint32_t ic0_is_controller(const void *src, uint32_t size);
IC0("in-replicated-execution") uint32_t ic0_in_replicated_execution(void);
IC0("debug-print") void ic0_debug_print(const void *src, uint32_t size);
IC0("trap") void ic0_trap(const void *src, uint32_t size);

#endif
