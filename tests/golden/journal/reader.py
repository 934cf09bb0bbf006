#!/usr/bin/env python3
"""reader.py DIRECTORY - lists what is in a data directory, and judges it.

Written from broker/journal/JOURNAL.md alone: it shares no code with musterd, so that the document
is known to say enough. Prints one line for each batch that counts, then a verdict.
"""
import os
import re
import struct
import sys

SECTOR = 4096
MASK = (1 << 64) - 1
HEAD_KEY = b"muster file head"


def rotate(x, b):
    return (x << b | x >> 64 - b) & MASK


def siphash128(key, data):
    """SipHash-2-4 with 128 bits of output."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(n):
        a, b, c, d = v
        for _ in range(n):
            a = (a + b) & MASK
            b = rotate(b, 13) ^ a
            a = rotate(a, 32)
            c = (c + d) & MASK
            d = rotate(d, 16) ^ c
            a = (a + d) & MASK
            d = rotate(d, 21) ^ a
            c = (c + b) & MASK
            b = rotate(b, 17) ^ c
            c = rotate(c, 32)
        v[:] = a, b, c, d

    whole = len(data) // 8 * 8
    tail = data[whole:] + bytes(7 - (len(data) - whole)) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", data[:whole] + tail):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xEE
    rounds(4)
    first = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    rounds(4)
    return struct.pack("<QQ", first, v[0] ^ v[1] ^ v[2] ^ v[3])


class Damaged(Exception):
    pass


class File:
    def __init__(self, directory, name):
        self.name = name
        with open(os.path.join(directory, name), "rb") as file:
            self.data = file.read()
        head = self.data[:SECTOR]
        if head[:8] != b"musterJ\n":
            raise Damaged(f"{name} is not ours")
        if len(head) < SECTOR or siphash128(HEAD_KEY, head[:4080]) != head[4080:]:
            raise Damaged(f"{name} at 0: header")
        (version, self.kind, self.number, self.size, self.previous, self.next_segment,
         self.next_batch, flags) = struct.unpack_from("<IIQQQQQI", head, 8)
        if version != 1:
            raise Damaged(f"{name} has version {version}")
        self.recycled = flags & 1 != 0
        self.identity, self.key = head[64:80], head[80:96]
        if self.kind == 1 and self.size != len(self.data):
            raise Damaged(f"{name} at {len(self.data)}: size")

    def batch(self, at):
        """(flags, index, record, payload) of a good batch at this offset, or None."""
        head = self.data[at:at + 48]
        if len(head) < 48 or head[:4] != b"btch":
            return None
        flags, index, record, length = struct.unpack_from("<IQQI", head, 4)
        payload = self.data[at + 48:at + 48 + length]
        if length > 1 << 30 or len(payload) < length:
            return None
        if siphash128(self.key, head[:32] + siphash128(self.key, payload)) != head[32:]:
            return None
        return flags, index, record, payload


def behind(at, payload):
    return (at + 48 + len(payload) + SECTOR - 1) // SECTOR * SECTOR


def text(payload):
    short = payload if len(payload) <= 40 else payload[:37] + b"..."
    return "".join(chr(c) if 32 <= c < 127 else "." for c in short)


def read(directory):
    names = sorted(os.listdir(directory))
    checkpoints = [n for n in names if re.fullmatch(r"checkpoint-\d{10}", n)]
    segments = [n for n in names if re.fullmatch(r"segment-\d{10}", n)]
    index, start, kept = 1, 0, []
    if checkpoints:
        file = File(directory, checkpoints[-1])
        at, flags, wanted = SECTOR, 0, 1
        while not flags & 4:
            batch = file.batch(at)
            if batch is None or batch[1] != wanted:
                raise Damaged(f"{file.name} at {at}: checkpoint")
            flags, _, record, payload = batch
            if flags & 2:
                kept += struct.iter_unpack("<QQ", payload)
            print(f"{file.name} {at}: batch {wanted} flags {flags} record {record}: {text(payload)}")
            at, wanted = behind(at, payload), wanted + 1
        index, start = file.next_batch, file.next_segment
    for number, end in kept:
        print(f"file {number} is wanted up to {end}")
    previous, suspect, torn = None, None, None
    for name in (n for n in segments if int(n[8:]) >= start):
        file = File(directory, name)
        first = previous is None
        if first and file.previous != 0 and file.previous >= start or \
                not first and file.previous != previous:
            raise Damaged(f"segment-{file.previous:010d} is missing")
        previous = file.number
        at = SECTOR
        while (batch := file.batch(at)) is not None and batch[1] == index:
            flags, _, record, payload = batch
            print(f"{name} {at}: batch {index} flags {flags} record {record}: {text(payload)}")
            at, index, suspect, torn = behind(at, payload), index + 1, None, None
        for later in range(at, len(file.data), SECTOR):
            batch = file.batch(later)
            if batch is not None and batch[1] >= index:
                here = f"{name} at {at}" if suspect is None or later > at else suspect
                raise Damaged(f"{here}: batch {index}")
        head = file.data[at:at + 24]
        begun = head[:4] == b"btch" and struct.unpack_from("<Q", head, 8)[0] == index \
            if file.recycled else any(file.data[at:])
        if torn is None:
            torn = f"{name} at {at}" if begun else None
        suspect = torn or suspect or f"{name} at {at}"
    if previous is None and names:
        raise Damaged("no segment")
    print(f"torn: {torn}" if torn else "whole")


try:
    read(sys.argv[1])
except Damaged as damage:
    print(f"damaged: {damage}")
