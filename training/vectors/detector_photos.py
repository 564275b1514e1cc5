"""Small pictures of every kind that detector.Decode reads, with the pixels Pillow sees in them, upright and over white.

Run from the repository's root: python training/vectors/detector_photos.py
"""
import argparse
import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image, ImageOps
from safetensors.numpy import save_file

W, H = 28, 20


def scene():
    """A smooth picture without symmetry, so that lossy formats keep it and turned copies differ."""
    y, x = np.mgrid[0:H, 0:W]
    r = 40 + 180 * x / W
    g = 60 + 150 * y / H
    b = 200 - 120 * x / W * (y / H)
    return np.stack((r, g, b), 2).round().astype(np.uint8)


def upright(data):
    im = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    im = im.convert("RGBA")
    white = Image.new("RGBA", im.size, "white")
    return np.array(Image.alpha_composite(white, im).convert("RGB"))


def encode(im, kind, **options):
    buf = io.BytesIO()
    im.save(buf, kind, **options)
    return buf.getvalue()


def without_adobe(jpeg):
    """Cuts the APP14 segment out."""
    at = jpeg.index(b"\xff\xee")
    size = struct.unpack(">H", jpeg[at + 2:at + 4])[0]
    return jpeg[:at] + jpeg[at + 2 + size:]


def as_ycck(jpeg):
    """Claims that a CMYK JPEG's first three components are YCbCr: Adobe's transform 2."""
    at = jpeg.index(b"Adobe") + 11
    return jpeg[:at] + b"\x02" + jpeg[at + 1:]


def ycck(rgb):
    """A YCCK JPEG: the ink (the colour's complement) as YCbCr, then black, written as four components and relabelled."""
    ycc = np.array(Image.fromarray(255 - rgb).convert("YCbCr"))
    # Pillow inverts what it is given for CMYK; undo that so that the file holds Y, Cb, Cr and 255 (no black).
    stored = np.dstack((ycc, np.full(rgb.shape[:2], 255, np.uint8)))
    return as_ycck(encode(Image.fromarray(255 - stored, "CMYK"), "JPEG", quality=95))


def png(rgb, interlaced):
    """An 8-bit RGB PNG, Adam7-interlaced on request (Pillow cannot write that)."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]
    raw = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in rgb[y::dy, x::dx] if row.size)
    head = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e


def photometric(tiff, value):
    """The same bits with another meaning of zero."""
    at = tiff.index(struct.pack("<HHI", 262, 3, 1)) + 8
    return tiff[:at] + struct.pack("<H", value) + tiff[at + 2:]


def pictures():
    rgb = scene()
    im = Image.fromarray(rgb)
    alpha = np.dstack((rgb, (np.mgrid[0:H, 0:W][1] * 6).astype(np.uint8)))
    cut = Image.fromarray(alpha)
    for sub in ("444", "422", "420", "440", "411"):
        how = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, getattr(cv2, "IMWRITE_JPEG_SAMPLING_FACTOR_" + sub)]
        yield "jpeg_" + sub, cv2.imencode(".jpg", rgb[:, :, ::-1], how)[1].tobytes(), None
    yield "jpeg_grey", encode(im.convert("L"), "JPEG", quality=95), None
    yield "jpeg_progressive", encode(im, "JPEG", quality=95, progressive=True), None
    yield "jpeg_rgb", encode(im, "JPEG", quality=95, keep_rgb=True), None
    cmyk = encode(im.convert("CMYK"), "JPEG", quality=95)
    yield "jpeg_cmyk", cmyk, None
    yield "jpeg_cmyk_bare", without_adobe(cmyk), upright(cmyk)
    yield "jpeg_ycck", ycck(rgb), None
    for o in range(1, 9):
        yield f"jpeg_exif_{o}", encode(im, "JPEG", quality=95, subsampling="4:2:0", exif=exif(o)), None
    yield "png_rgb", encode(im, "PNG"), None
    yield "png_interlaced", png(rgb, True), None
    yield "png_grey", encode(im.convert("L"), "PNG"), None
    yield "png_bits", encode(im.convert("1"), "PNG"), None
    yield "png_palette", encode(im.quantize(32), "PNG"), None
    yield "png_palette_clear", encode(im.quantize(32), "PNG", transparency=bytes(range(0, 256, 8))), None
    yield "png_alpha", encode(cut, "PNG"), None
    yield "png_grey_alpha", encode(cut.convert("LA"), "PNG"), None
    deep = rgb.astype(np.uint16) * 256 + 77
    yield "png_rgb16", cv2.imencode(".png", deep[:, :, ::-1])[1].tobytes(), rgb
    yield "png_grey16", cv2.imencode(".png", deep[:, :, 0])[1].tobytes(), np.repeat(rgb[:, :, :1], 3, 2)
    yield "png_exif_6", encode(im, "PNG", exif=exif(6)), None
    yield "gif", encode(im.quantize(64), "GIF"), None
    yield "webp", encode(im, "WEBP", quality=95), None
    yield "webp_lossless", encode(im, "WEBP", lossless=True), None
    yield "webp_alpha", encode(cut, "WEBP", quality=95), None
    yield "webp_exif_8", encode(im, "WEBP", quality=95, exif=exif(8)), None
    yield "bmp", encode(im, "BMP"), None
    yield "tiff", encode(im, "TIFF", compression="tiff_lzw"), None
    yield "tiff_exif_3", encode(im, "TIFF", compression="tiff_deflate", exif=exif(3)), None
    bits = im.convert("1")
    for compression in ("group3", "group4"):
        black_is_zero = encode(bits, "TIFF", compression=compression)
        yield "tiff_" + compression, black_is_zero, None
        yield f"tiff_{compression}_white_is_zero", photometric(black_is_zero, 0), upright(encode(Image.eval(bits.convert("L"), lambda v: 255 - v), "PNG"))
    second = Image.fromarray(255 - np.asarray(cut), "RGBA")
    for name, options in ("webp_animated", dict(quality=95)), ("webp_animated_lossless", dict(lossless=True)):
        yield name, encode(cut, "WEBP", save_all=True, append_images=[second], **options), None
    yield "jpeg_cmyk_420", encode(im.convert("CMYK"), "JPEG", quality=95, subsampling="4:2:0"), None
    yield "tiny", encode(im.crop((0, 0, 1, 1)), "PNG"), None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="photo/testdata/photos.safetensors")
    args = parser.parse_args()
    out = {}
    for name, data, want in pictures():
        out[name + ".file"] = np.frombuffer(data, np.uint8)
        out[name + ".want"] = np.ascontiguousarray(upright(data) if want is None else want)
    save_file(out, args.out)


if __name__ == "__main__":
    main()
