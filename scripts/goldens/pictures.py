"""Golden pictures: files of every kind, and what Pillow's Image.open(file).convert("RGB") makes of each.

    python scripts/goldens/pictures.py                        # rewrites the committed fixture
    python scripts/goldens/pictures.py --out FILE --long 2000 # a long check, then:
    SEQJEPA_PICTURES=FILE cargo test -p seqjepa-data --test picture_golden

Needs Pillow 13, numpy, and cjpeg of libjpeg-turbo 2.1.5 (Debian: libjpeg-turbo-progs). The archive holds the files and, last,
cases.json: for each file its size and the SHA-256 of its RGB bytes as Pillow reads it ("strict"; null where it raises), the same
with LOAD_TRUNCATED_IMAGES ("truncated"), and whether the file is whole by construction.
"""

import argparse
import gzip
import hashlib
import io
import json
import struct
import subprocess
import tarfile
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

FIXTURE = Path(__file__).parents[2] / "crates/data/tests/fixtures/pictures.tar.gz"
SAMPLINGS = ["1x1", "2x1", "1x2", "2x2", "3x1", "1x3", "4x1", "1x4", "4x2", "2x4", "1x1,2x1,2x1", "1x1,1x2,1x2",
             "2x2,1x2,2x1", "2x1,1x1,2x1", "1x2,1x1,1x2", "2x2,2x1,1x1", "3x1,1x1,3x1", "1x1,2x2,2x2", "4x1,2x1,1x1"]
NONINTERLEAVED = "0;\n1;\n2;\n"
LUMA_FIRST = "0;\n1 2;\n"
SPECTRAL = "0 1 2: 0-0, 0, 0;\n0: 1-63, 0, 0;\n1: 1-63, 0, 0;\n2: 1-63, 0, 0;\n"


def scene(rng, height, width, channels=3):
    """A smooth scene with edges and noise."""
    y, x = np.mgrid[0:height, 0:width] / 32
    value = np.zeros((height, width, channels))
    for _ in range(4):
        fx, fy = rng.normal(0, 3, 2)
        value += np.sin((fx * x + fy * y)[..., None] + rng.uniform(0, 7, channels)) * rng.uniform(10, 60)
    value[(y - 0.3) ** 2 + (x - 0.4) ** 2 < 0.05] += 90
    return np.clip(value + 128 + rng.normal(0, 4, value.shape), 0, 255).astype(np.uint8)


def cjpeg(array, *options, scans=None):
    """A JPEG file of an image, by cjpeg with these options."""
    source = io.BytesIO()
    Image.fromarray(array).save(source, "ppm")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
        if scans:
            script.write(scans)
            script.flush()
            options = (*options, "-scans", script.name)
        return subprocess.run(["cjpeg", *options], input=source.getvalue(), capture_output=True, check=True).stdout


def saved(image, kind, **options):
    """The bytes of an image that Pillow writes."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(out, kind, **options)
    return out.getvalue()


def png(array, bits, color, *, palette=None, transparency=None, interlace=0):
    """A PNG file without compression of filters; `array` is [height, width, channels] of samples."""
    height, width, channels = array.shape

    def packed(block):
        rows = bytearray()
        for row in block:
            values = row.reshape(-1)
            if bits == 16:
                data = values.astype(">u2").tobytes()
            elif bits == 8:
                data = values.astype(np.uint8).tobytes()
            else:
                flat = ((values[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).reshape(-1)
                data = np.packbits(flat).tobytes()
            rows += b"\0" + data
        return bytes(rows)

    if interlace:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        blocks = [array[y::dy, x::dx] for y, x, dy, dx in passes]
        raw = b"".join(packed(block) for block in blocks if block.size)
    else:
        raw = packed(array)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace))
    if palette is not None:
        out += chunk(b"PLTE", palette)
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def jpegs(rng, height, width, tag):
    """Every coding of one size, with the sampling of its turn."""
    array = scene(rng, height, width)
    sampling = SAMPLINGS[int(rng.integers(len(SAMPLINGS)))] if tag else None
    for sampling in [sampling] if sampling else SAMPLINGS:
        quality = str(rng.choice([5, 30, 75, 90, 100]))
        common = ("-quality", quality, "-sample", sampling)
        # Interleaved scans hold at most ten blocks a unit.
        factors = [tuple(map(int, part.split("x"))) for part in sampling.split(",")]
        factors += [(1, 1)] * (3 - len(factors))
        fits = sum(h * v for h, v in factors) <= 10
        codings = {"nonint": dict(scans=NONINTERLEAVED), "arith_nonint": dict(scans=NONINTERLEAVED)}
        if fits:
            codings |= {"base": {}, "restart": {}, "prog": {}, "arith": {}, "arith_prog": {}, "spectral": dict(scans=SPECTRAL)}
            codings["luma"] = dict(scans=LUMA_FIRST)
        for coding, keywords in codings.items():
            options = list(common)
            options += ["-arithmetic"] * coding.startswith("arith")
            options += ["-progressive"] * coding.endswith("prog")
            options += ["-restart", "2B"] * (coding == "restart")
            yield f"jpeg_{tag}{coding}_{sampling.replace(',', '_')}_q{quality}_{width}x{height}.jpg", cjpeg(array, *options, **keywords)


def colours(rng, height, width, tag=""):
    """JPEG in every colour space."""
    array = scene(rng, height, width, 4)
    rgb = Image.fromarray(array[..., :3].copy())
    yield f"jpeg_{tag}grey_{width}x{height}.jpg", cjpeg(array[..., 0].copy(), "-grayscale")
    yield f"jpeg_{tag}grey_2x2_{width}x{height}.jpg", cjpeg(array[..., 0].copy(), "-grayscale", "-sample", "2x2")
    yield f"jpeg_{tag}adobe_rgb_{width}x{height}.jpg", cjpeg(array[..., :3].copy(), "-rgb")
    plain = cjpeg(array[..., :3].copy(), "-rgb")
    at = plain.index(b"\xff\xee")
    # Without Adobe's marker the numbers of the components tell that they are red, green and blue.
    yield f"jpeg_{tag}rgb_by_id_{width}x{height}.jpg", plain[:at] + plain[at + 16 :]
    cmyk = saved(Image.fromarray(array, "CMYK"), "jpeg", quality=90)
    yield f"jpeg_{tag}cmyk_{width}x{height}.jpg", cmyk
    at = cmyk.index(b"\xff\xee")
    yield f"jpeg_{tag}ycck_{width}x{height}.jpg", cmyk[: at + 15] + b"\2" + cmyk[at + 16 :]
    yield f"jpeg_{tag}cmyk_no_adobe_{width}x{height}.jpg", cmyk[:at] + cmyk[at + 16 :]
    exif = Image.Exif()
    exif[0x0112] = 6
    yield f"jpeg_{tag}exif_{width}x{height}.jpg", saved(rgb, "jpeg", exif=exif.tobytes())
    other = Image.fromarray(scene(rng, height, width))
    yield f"mpo_{tag}{width}x{height}.jpg", saved(rgb, "mpo", save_all=True, append_images=[other])
    whole = saved(rgb, "jpeg")
    yield f"jpeg_{tag}bytes_after_{width}x{height}.jpg", whole + b"and more"
    yield f"jpeg_{tag}padded_{width}x{height}.jpg", whole[:2] + b"\xff\xff\xff" + whole[2:]
    jfif = whole.index(b"JFIF")
    yield f"jpeg_{tag}jfif_9_{width}x{height}.jpg", whole[: jfif + 5] + b"\x09" + whole[jfif + 6 :]


def damaged(rng, height, width, tag="", parts=(0.3, 0.6, 0.9)):
    """Cut and corrupt files."""
    array = scene(rng, height, width)
    image = Image.fromarray(array)
    whole = {
        "base.jpg": cjpeg(array, "-sample", "2x2"),
        "restart.jpg": cjpeg(array, "-sample", "2x1", "-restart", "1"),
        "prog.jpg": cjpeg(array, "-progressive"),
        "nonint.jpg": cjpeg(array, scans=NONINTERLEAVED),
        "arith.jpg": cjpeg(array, "-arithmetic"),
        "grey.jpg": cjpeg(array[..., 0].copy(), "-grayscale"),
        "cmyk.jpg": saved(Image.fromarray(scene(rng, height, width, 4), "CMYK"), "jpeg"),
        "rgb.png": saved(image, "png"),
        "palette.png": saved(image.quantize(20), "png"),
        "interlaced.png": png(array, 8, 2, interlace=1),
        "palette.gif": saved(image.quantize(20), "gif"),
    }
    for name, data in whole.items():
        for part in parts:
            yield f"cut_{tag}{round(100 * part)}_{name}", data[: int(len(data) * part)]
        if name.endswith(".jpg"):
            yield f"cut_{tag}no_end_{name}", data[:-2]
            scan = data.index(b"\xff\xda") + 14
            for turn in range(2):
                at = int(rng.integers(scan, len(data) - 2))
                yield f"corrupt_{tag}{turn}_{name}", data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


def pngs(rng, height, width, tag=""):
    """Every kind of sample, plain and interlaced."""
    def noise(bits, channels):
        return rng.integers(0, 1 << bits, (height, width, channels))

    colors = rng.integers(0, 256, 3 * 16, dtype=np.uint8).tobytes()
    for interlace in (0, 1):
        end = f"{'i' * interlace}_{tag}{width}x{height}.png"
        for bits in (1, 2, 4, 8, 16):
            samples = noise(bits, 1)
            if bits == 16:
                samples[:: 2] %= 600
            yield f"png_grey{bits}{end}", png(samples, bits, 0, interlace=interlace)
            yield f"png_grey{bits}_trns{end}", png(samples, bits, 0, transparency=b"\0\1", interlace=interlace)
        for bits in (1, 2, 4, 8):
            palette = rng.integers(0, 256, 3 << bits, dtype=np.uint8).tobytes()
            yield f"png_palette{bits}{end}", png(noise(bits, 1), bits, 3, palette=palette, interlace=interlace)
            alpha = bytes(range(0, 1 << bits))
            yield f"png_palette{bits}_trns{end}", png(noise(bits, 1), bits, 3, palette=palette, transparency=alpha, interlace=interlace)
        yield f"png_palette_short{end}", png(noise(5, 1), 8, 3, palette=colors, interlace=interlace)
        for bits in (8, 16):
            yield f"png_rgb{bits}{end}", png(noise(bits, 3), bits, 2, interlace=interlace)
            yield f"png_rgb{bits}_trns{end}", png(noise(bits, 3), bits, 2, transparency=b"\0\1\0\2\0\3", interlace=interlace)
            yield f"png_la{bits}{end}", png(noise(bits, 2), bits, 4, interlace=interlace)
            yield f"png_rgba{bits}{end}", png(noise(bits, 4), bits, 6, interlace=interlace)


def others(rng, height, width, tag=""):
    """WebP, GIF, TIFF, BMP and PNM."""
    array = scene(rng, height, width, 4)
    rgb, rgba = Image.fromarray(array[..., :3].copy()), Image.fromarray(array)
    grey = rgb.convert("L")
    palette = rgb.quantize(17)
    end = f"_{tag}{width}x{height}"
    for quality in (10, 80, 100):
        yield f"webp_q{quality}{end}.webp", saved(rgb, "webp", quality=quality)
    yield f"webp_lossless{end}.webp", saved(rgb, "webp", lossless=True)
    yield f"webp_alpha{end}.webp", saved(rgba, "webp", quality=60)
    yield f"webp_alpha_lossless{end}.webp", saved(rgba, "webp", lossless=True, exact=True)
    yield f"webp_animated{end}.webp", saved(rgb, "webp", lossless=True, save_all=True, append_images=[rgb.rotate(180)])
    yield f"webp_named{end}.jpg", saved(rgb, "webp", lossless=True)
    yield f"gif{end}.gif", saved(palette, "gif")
    yield f"gif_interlaced{end}.gif", saved(palette, "gif", interlace=1)
    yield f"gif_grey{end}.gif", saved(grey, "gif")
    yield f"gif_animated{end}.gif", saved(palette, "gif", save_all=True, append_images=[rgb.rotate(180).quantize(9)])
    yield f"gif_transparent{end}.gif", saved(palette, "gif", transparency=3)
    frame = saved(palette, "gif")
    at = frame.index(b",\0\0\0\0")
    for number, flags in ((0, None), (1, 5)):
        # A frame that covers a part of its canvas, with and without a transparent colour around it.
        control = b"" if flags is None else b"!\xf9\4\1\0\0" + bytes([flags]) + b"\0"
        larger = frame[:6] + struct.pack("<HH", width + 5, height + 3) + frame[10:at] + control + b",\2\0\1\0" + frame[at + 5 :]
        yield f"gif_part{number}{end}.gif", larger
    yield f"gif_beyond{end}.gif", frame[:at] + b",\3\0\2\0" + frame[at + 5 :]
    modes = {"1": grey.convert("1"), "L": grey, "LA": rgba.convert("LA"), "P": palette, "RGB": rgb, "RGBA": rgba,
             "CMYK": rgb.convert("CMYK"), "I16": Image.fromarray(array[..., 0].astype(np.uint16) * 5),
             "F": Image.fromarray(array[..., 0].astype(np.float32) * 2.5 - 50),
             "I": Image.fromarray(array[..., 0].astype(np.int32) * 3 - 99)}
    for mode, image in modes.items():
        if mode == "P":
            # The reader knows no palettes.
            yield f"not_tiff_{mode}{end}.tif", saved(image, "tiff")
            continue
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            yield f"tiff_{mode}_{compression}{end}.tif", saved(image, "tiff", compression=compression)
    yield f"tiff_pages{end}.tiff", saved(rgb, "tiff", save_all=True, append_images=[rgb.rotate(180)])
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"bmp_{mode}{end}.bmp", saved(modes[mode], "bmp")
    for mode in ("1", "L", "RGB"):
        yield f"pnm_{mode}{end}.ppm", saved(modes[mode], "ppm")
    yield f"pnm_I16{end}.pgm", saved(modes["I16"], "ppm")
    yield f"pnm_plain{end}.ppm", b"P3 # text\n2 1 255\n1 2 3 4 5 6\n"
    yield f"pnm_100{end}.pgm", b"P5 4 1 100\n" + bytes([0, 1, 50, 100])
    yield f"pnm_plain_grey{end}.pgm", b"P2 4 1 255\n0 9 100 255\n"
    yield f"pnm_plain_bits{end}.pbm", b"P1 4 1\n0 1 1 0\n"


def tiff(samples, *, extra=(), orientation=1):
    """An uncompressed TIFF file of RGB samples of 8 or 16 bits, with these extra samples."""
    height, width, channels = samples.shape
    data = samples.astype("<u2" if samples.itemsize == 2 else np.uint8).tobytes()
    entries = [(256, 3, [width]), (257, 3, [height]), (258, 3, [8 * samples.itemsize] * channels), (259, 3, [1]), (262, 3, [2]),
               (273, 4, [0]), (274, 3, [orientation]), (277, 3, [channels]), (278, 3, [height]), (279, 4, [len(data)])]
    if extra:
        entries.append((338, 3, list(extra)))
    after = 8 + 2 + 12 * len(entries) + 4
    entries[5] = (273, 4, [after + 2 * channels])
    directory = struct.pack("<H", len(entries))
    for tag, kind, values in entries:
        field = struct.pack("<" + "HI"[kind - 3] * len(values), *values)
        directory += struct.pack("<HHI", tag, kind, len(values)) + (field if len(field) <= 4 else struct.pack("<I", after)).ljust(4, b"\0")
    return b"II*\0\x08\0\0\0" + directory + bytes(4) + struct.pack(f"<{channels}H", *entries[2][2]) + data


def scaled(rng, height, width):
    """Samples that Pillow scales, divides by alpha or turns; and files of WebP and GIF that are cut near their end."""
    array = scene(rng, height, width, 4)
    rgb = Image.fromarray(array[..., :3].copy())
    for orientation in range(10):
        yield f"tiff_orientation{orientation}.tif", tiff(array[..., :3], orientation=orientation)
        if 1 < orientation < 9:
            yield f"tiff_orientation{orientation}_lzw.tif", saved(rgb, "tiff", compression="tiff_lzw", tiffinfo={274: orientation})
    every = np.stack([np.tile(np.arange(256, dtype=np.uint8), (256, 1))] * 3 + [np.repeat(np.arange(256, dtype=np.uint8)[:, None], 256, 1)], 2)
    for kind in (0, 1, 2):
        yield f"tiff_alpha{kind}.tif", tiff(every if kind == 1 else array, extra=[kind])
        yield f"tiff_alpha{kind}_16.tif", tiff(rng.integers(0, 65536, (9, 31, 4), dtype=np.uint16), extra=[kind])
    # Every value of each channel.
    values = np.concatenate([np.arange(32), np.arange(64) << 5, np.arange(32) << 10, np.arange(32) << 11]).astype("<u2").tobytes()
    for name, compression, masks in (("555", 0, b""), ("565", 3, struct.pack("<3I", 0xF800, 0x7E0, 0x1F)),
                                     ("555_masks", 3, struct.pack("<3I", 0x7C00, 0x3E0, 0x1F))):
        header = struct.pack("<IiiHHIIiiII", 40, 16, 10, 1, 16, compression, len(values), 0, 0, 0, 0) + masks
        yield f"bmp_{name}.bmp", b"BM" + struct.pack("<IHHI", 14 + len(header) + len(values), 0, 0, 14 + len(header)) + header + values
    masks = struct.pack("<3I", 0xF000, 0xF00, 0xF0)
    yield "not_bmp_444.bmp", b"BM" + struct.pack("<IHHIIiiHHIIiiII", 70, 0, 0, 66, 40, 1, 1, 1, 16, 3, 4, 0, 0, 0, 0) + masks + b"\x12\x34\0\0"
    for greatest in (1, 2, 7, 100, 254, 256, 1000, 4095, 65534, 65535):
        size = 256 if greatest < 256 else 300
        samples = (np.arange(size) if greatest < 256 else rng.integers(0, 65536, size)).astype(np.uint8 if greatest < 256 else ">u2")
        yield f"pnm_{greatest}_grey.pgm", b"P5 # text\n%d 1\n%d\n" % (size, greatest) + samples.tobytes()
        yield f"pnm_{greatest}_rgb.ppm", b"P6 %d 1 %d\n" % (size // 3, greatest) + samples[: size // 3 * 3].tobytes()
        text = b" ".join(b"%d" % (value % (greatest + 1)) for value in samples[:30].tolist())
        yield f"pnm_{greatest}_plain.pgm", b"P2 30 1 %d\n" % greatest + text
        yield f"pnm_{greatest}_plain.ppm", b"P3 10 1 %d\n" % greatest + text + b"\n"
    other = rgb.rotate(180)
    for name, data in {
        "lossy.webp": saved(rgb, "webp"),
        "lossless.webp": saved(rgb, "webp", lossless=True),
        "alpha.webp": saved(Image.fromarray(array), "webp"),
        "animated.webp": saved(rgb, "webp", save_all=True, append_images=[other]),
        "palette.gif": saved(rgb.quantize(17), "gif"),
    }.items():
        for length in (1, 3, 9, 60):
            yield f"cut_by{length}_{name}", data[:-length]
        middle = len(data) // 2
        yield f"cut_middle_{name}", data[:middle] + data[middle + 37 :]


def is_whole(name):
    return not name.startswith(("cut_", "corrupt_"))


def unsupported(rng):
    """Files that hold no picture of a kind that is read, or none that Pillow reads."""
    base = cjpeg(scene(rng, 16, 16))
    at = base.index(b"\xff\xc0")
    yield "not_12_bits.jpg", base[: at + 4] + b"\x0c" + base[at + 5 :]
    yield "not_lossless.jpg", base[: at + 1] + b"\xc3" + base[at + 2 :]
    scan = base.index(b"\xff\xda")
    frame = b"\xff\xc0\0\x0e" + base[at + 4 : at + 9] + b"\2" + base[at + 10 : at + 16] + base[at + 19 : scan]
    scan_of_two = b"\xff\xda\0\x0a\2" + base[scan + 5 : scan + 9] + base[scan + 11 :]
    yield "not_two_components.jpg", base[:at] + frame + scan_of_two
    yield "not_a_page.jpg", b"<!DOCTYPE html><title>404</title>"
    yield "not_anything.png", b""


def read(data, truncated):
    ImageFile.LOAD_TRUNCATED_IMAGES = truncated
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(data)).convert("RGB")
    except Exception:
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURE)
    parser.add_argument("--long", type=int, default=0, help="random sizes beside the committed files")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)

    files = dict(jpegs(rng, 19, 37, ""))
    files |= dict(colours(rng, 21, 30)) | dict(pngs(rng, 9, 13)) | dict(others(rng, 17, 23))
    files |= dict(damaged(rng, 40, 56)) | dict(unsupported(rng))
    for side in (1, 2, 3, 7, 8, 9, 16, 17):
        files[f"jpeg_420_{side}.jpg"] = cjpeg(scene(rng, side, side), "-sample", "2x2")
        files[f"png_{side}.png"] = saved(Image.fromarray(scene(rng, side, side)), "png")
    for turn in range(options.long):
        height, width = (int(side) for side in rng.integers(1, 90, 2))
        kind = turn % 5
        makers = [jpegs, colours, pngs, others, damaged]
        if kind == 4:
            height, width = height + 8, width + 8
            files |= dict(damaged(rng, height, width, f"{turn}_", parts=rng.uniform(0.1, 1, 4)))
        else:
            files |= dict(makers[kind](rng, height, width, f"{turn}_"))

    # After the others, whose random numbers are thus those of before.
    files |= dict(scaled(rng, 17, 23))

    cases = []
    for name, data in files.items():
        case = {"name": name, "whole": is_whole(name)}
        for key, truncated in (("strict", False), ("truncated", True)):
            image = read(data, truncated)
            case[key] = image and hashlib.sha256(image.tobytes()).hexdigest()
            if image:
                case["size"] = image.size
        cases.append(case)

    options.out.parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(options.out, "wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        files["cases.json"] = json.dumps(cases, indent=0).encode()
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    print(f"{len(cases)} files, {options.out.stat().st_size} bytes in {options.out}")


if __name__ == "__main__":
    main()
