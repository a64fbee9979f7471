"""The nodes of Candid types and their kinds, for those who walk over types."""

from dcanary.candid._codec import types as _types

NULL, BOOL, TEXT = _types.NULL, _types.BOOL, _types.TEXT
NAT, NAT8, NAT16 = _types.NAT, _types.NAT8, _types.NAT16
NAT32, NAT64 = _types.NAT32, _types.NAT64
INT, INT8, INT16 = _types.INT, _types.INT8, _types.INT16
INT32, INT64 = _types.INT32, _types.INT64
FLOAT32, FLOAT64 = _types.FLOAT32, _types.FLOAT64
RESERVED, EMPTY, PRINCIPAL = _types.RESERVED, _types.EMPTY, _types.PRINCIPAL
OPT, VEC, RECORD, VARIANT = _types.OPT, _types.VEC, _types.RECORD, _types.VARIANT
FUNC, SERVICE = _types.FUNC, _types.SERVICE
PRIMITIVE_NAMES = _types.PRIMITIVE_NAMES

Type = _types.Type
Opt = _types.Opt
Vec = _types.Vec
Field = _types.Field
Record = _types.Record
Variant = _types.Variant
Func = _types.Func
Service = _types.Service
type_name = _types.type_name
