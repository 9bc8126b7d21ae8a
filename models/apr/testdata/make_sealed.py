"""Makes sealed.apr from golden_v2.apr: encrypted under the password "golden" and signed, as trailer.go, encrypt.go and sign.go describe it.
Needs Python's cryptography 44 or later, with OpenSSL 3.2. It shares no code with package apr; the signature follows RFC 8032."""
import hashlib, struct, zlib
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BY = 4 * pow(5, P - 2, P) % P


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P


def times(n, a):
    r = (0, 1)
    while n:
        if n & 1:
            r = add(r, a)
        a, n = add(a, a), n >> 1
    return r


def base():
    xx = (BY * BY - 1) * pow(D * BY * BY + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (P - x if x & 1 else x), BY


def packed(a):
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


def sign(seed, message, context):
    """Ed25519ph; returns the public key and the signature."""
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & ((1 << 254) - 8) | 1 << 254
    number = lambda *parts: int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % Q
    dom = b"SigEd25519 no Ed25519 collisions\x01" + bytes([len(context)]) + context
    public, digest = packed(times(a, base())), hashlib.sha512(message).digest()
    r = number(dom, h[32:], digest)
    point = packed(times(r, base()))
    s = (r + number(dom, point, public, digest) * a) % Q
    return public, point + s.to_bytes(32, "little")


plain = bytearray(open("golden_v2.apr", "rb").read()[:-4])
struct.pack_into("<H", plain, 6, struct.unpack_from("<H", plain, 6)[0] | 0x4 | 0x8)
struct.pack_into("<I", plain, 40, zlib.crc32(plain[:40] + plain[44:64]))
data = struct.unpack_from("<Q", plain, 32)[0]
head = bytearray(plain[:data])
struct.pack_into("<H", head, 6, struct.unpack_from("<H", head, 6)[0] & ~0x8)
struct.pack_into("<I", head, 40, 0)

chunk = 4096
count = -(-(len(plain) - data) // chunk)
length = -(-(96 + 16 * count) // 64) * 64
block = struct.pack("<8sIIBBHIII16s16s", b"APRCRYPT", length, 1, 1, 1, 2, 2, 64, chunk, bytes(range(16)), bytes(range(100, 116)))
master = Argon2id(salt=block[32:48], length=32, iterations=2, lanes=2, memory_cost=64).derive(b"golden")
hkdf = lambda info: HKDF(SHA256(), 32, block[48:64], info).derive(master)
gcm = AESGCM(hkdf(b"APR v2 key" + block + hashlib.sha256(head).digest()))
block += hkdf(b"APR v2 password" + block)
body = bytearray()
for i in range(count):
    sealed = gcm.encrypt(struct.pack("<QI", i, 0), bytes(plain[data + i * chunk : data + (i + 1) * chunk]), None)
    body += sealed[:-16]
    block += sealed[-16:]
out = bytes(plain[:data]) + bytes(body) + block.ljust(length, b"\0")
public, signature = sign(bytes(range(32)), out, b"APR v2")
out += (struct.pack("<8sII", b"APRSIGN\0", 128, 1) + public + signature).ljust(128, b"\0")
open("sealed.apr", "wb").write(out + struct.pack("<I", zlib.crc32(out)))
