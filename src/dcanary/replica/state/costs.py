"""What everything costs in cycles. Source: "Cycles costs" of the IC docs, 13-node application
subnets; other sizes are scaled by n / 13."""

from __future__ import annotations

from dataclasses import dataclass

from dcanary.replica.state import limits


@dataclass(frozen=True, slots=True)
class CostTable:
    """Amounts in cycles."""

    create_canister: int = 500_000_000_000
    message: int = 5_000_000
    """Base of each replicated execution."""
    instruction: int = 1
    instruction_64: int = 2
    """The same in modules with a 64-bit memory."""
    ingress_message: int = 1_200_000
    ingress_byte: int = 2_000
    call: int = 260_000
    call_byte: int = 1_000
    compute_percent_second: int = 10_000_000
    memory_gib_second: int = 127_000
    canister_second: int = 0
    """Base fee of a canister that holds memory; newer subnets charge 10_000."""
    signature: int = 10_000_000_000
    http_base: int = 3_000_000
    http_per_node: int = 60_000
    http_request_byte: int = 400
    http_response_byte: int = 800
    compile_instruction: int = 6_000
    """Instructions (not cycles) charged per WebAssembly instruction compiled."""
    upload_chunk_instructions: int = 200_000_000
    snapshot_instructions: int = 2_000_000_000
    nodes: int = 13

    def execution(self, instructions: int, memory_64: bool) -> int:
        """Of one replicated message execution."""
        rate = self.instruction_64 if memory_64 else self.instruction
        return self.message + rate * instructions

    def ingress(self, size: int) -> int:
        """Of receiving an ingress message with `size` bytes of method and argument."""
        return self.ingress_message + self.ingress_byte * size

    def request(self, size: int) -> int:
        """Of sending a request."""
        return self.call + self.call_byte * size

    def response(self, size: int) -> int:
        """Of transmitting a response, paid by the caller."""
        return self.call_byte * size

    def response_reservation(self, memory_64: bool) -> int:
        """Set aside when a call is made, for its response."""
        return self.response(limits.MAX_REPLY_PAYLOAD) + self.execution(
            limits.UPDATE_INSTRUCTIONS, memory_64
        )

    def http_request(self, request_size: int, response_size: int) -> int:
        """Of an HTTPS outcall."""
        return self.nodes * (
            self.http_base
            + self.http_per_node * self.nodes
            + self.http_request_byte * request_size
            + self.http_response_byte * response_size
        )

    def idle(self, memory: int, compute_allocation: int, nanoseconds: int) -> int:
        """Burned in a time span. Integer arithmetic, the same on every machine."""
        per_second = (
            (self.canister_second if memory else 0) * limits.GIB
            + self.memory_gib_second * memory
            + self.compute_percent_second * compute_allocation * limits.GIB
        )
        return per_second * nanoseconds // (limits.SECOND * limits.GIB)


APPLICATION = CostTable()
