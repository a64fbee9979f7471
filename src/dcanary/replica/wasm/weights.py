"""What each WebAssembly instruction costs, as in the Internet Computer's own metering."""

from __future__ import annotations

GROUP_FC, GROUP_SIMD = 0xFC, 0xFD


def _scalar(memory_64: bool) -> list[int]:
    cost = [1] * 256
    for op in (0x02, 0x03, 0x05, 0x0B):  # block, loop, else, end
        cost[op] = 0
    for op in (0x04, 0x0C, 0x0D, 0x0E):  # if, br, br_if, br_table
        cost[op] = 2
    cost[0x10], cost[0x11] = 5, 10  # call, call_indirect
    cost[0x12], cost[0x13] = 3, 60  # return_call, return_call_indirect
    cost[0x23] = cost[0x24] = 2  # global.get, global.set
    cost[0x25] = cost[0x26] = 5  # table.get, table.set
    cost[0x3F], cost[0x40] = 20, 300  # memory.size, memory.grow
    cost[0xD1], cost[0xD2] = 5, 130  # ref.is_null, ref.func
    for op in (0x6D, 0x6E, 0x6F, 0x70, 0x7F, 0x80, 0x81, 0x82):  # integer division, remainder
        cost[op] = 10
    for op in range(0x5B, 0x67):  # float comparisons
        cost[op] = 3
    for op in (0x8D, 0x8E, 0x8F, 0x90, 0x92, 0x93, 0x94):  # f32 rounding, add, sub, mul
        cost[op] = 2
    for op in (0x9B, 0x9C, 0x9D, 0x9E, 0xA0, 0xA1, 0xA2):  # the same for f64
        cost[op] = 2
    cost[0x95], cost[0xA3] = 3, 5  # div
    cost[0x91], cost[0x9F] = 5, 8  # sqrt
    for op in (0x96, 0x97, 0xA4, 0xA5):  # min, max
        cost[op] = 18
    cost[0x98], cost[0xA6] = 2, 3  # copysign
    for op in (*range(0xA8, 0xAC), *range(0xAE, 0xB2)):  # float to integer
        cost[op] = 20
    for op in (0xB2, 0xB4, 0xB7, 0xB9):  # signed integer to float
        cost[op] = 3
    for op in (0xB3, 0xB5, 0xB8, 0xBA):  # unsigned integer to float
        cost[op] = 16
    if memory_64:
        for op in range(0x28, 0x3F):  # loads and stores
            cost[op] = 2
    cost[GROUP_FC] = cost[GROUP_SIMD] = 0  # charged by sub-opcode
    return cost


SCALAR_32 = _scalar(False)
SCALAR_64 = _scalar(True)

MISC: dict[int, int] = {
    **dict.fromkeys(range(8), 20),  # saturating float to integer
    8: 100,  # memory.init
    9: 300,  # data.drop
    10: 100,  # memory.copy
    11: 100,  # memory.fill
    12: 100,  # table.init
    13: 300,  # elem.drop
    14: 100,  # table.copy
    15: 300,  # table.grow
    16: 100,  # table.size
    17: 100,  # table.fill
}
"""Weights of the 0xFC group."""

_SIMD: dict[int, int] = {
    0x0D: 3,  # i8x16.shuffle
    0x62: 3,  # i8x16.popcnt
    **dict.fromkeys((0x6B, 0x6C, 0x6D), 3),  # i8x16 shifts
    **dict.fromkeys((0x8B, 0x8C, 0x8D, 0xAB, 0xAC, 0xAD, 0xCB, 0xCC, 0xCD), 2),
    0xB5: 2,  # i32x4.mul
    0xD5: 4,  # i64x2.mul
    **dict.fromkeys((0x67, 0x68, 0x69, 0x6A, 0x74, 0x75, 0x7A, 0x94), 2),  # rounding
    0xE3: 5,  # f32x4.sqrt
    **dict.fromkeys((0xE4, 0xE5, 0xE6), 2),
    0xE7: 10,  # f32x4.div
    **dict.fromkeys((0xE8, 0xE9), 4),
    0xEF: 14,  # f64x2.sqrt
    **dict.fromkeys((0xF0, 0xF1, 0xF2), 2),
    0xF3: 12,  # f64x2.div
    **dict.fromkeys((0xF4, 0xF5), 5),
}


def simd(sub_opcode: int, memory_64: bool) -> int:
    """Weight of a vector instruction by its number in the 0xFD group."""
    if sub_opcode <= 0x0B or 0x54 <= sub_opcode <= 0x5D:
        return 2 if memory_64 else 1
    return _SIMD.get(sub_opcode, 1)
