# SPDX-License-Identifier: Apache-2.0
# One block; Python has no heap limit of its own.
try:
    block = bytearray(200 << 20)
    print("has %dM" % (len(block) >> 20))
except MemoryError:
    print("MemoryError")
    raise SystemExit(3)
