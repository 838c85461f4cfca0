"""Promises on picture files: what is good is shown, what moves keeps its times, and a hidden scale is found."""

from __future__ import annotations

import base64
import io
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, features

from casearchive import readers
from casearchive.clip import Clip
from casearchive.errors import PictureUnavailable, UnreadableFile
from casearchive.readers import _xml

SHA = "ef" * 32
ROWS, COLUMNS, FRAMES = 48, 64, 5


def scene(number: int) -> np.ndarray:
    """A frame that differs from the others everywhere."""
    noise = np.random.default_rng(number).integers(0, 255, (ROWS, COLUMNS, 1))
    return np.repeat(noise, 3, axis=2).astype(np.uint8)


def moving(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    images = [Image.fromarray(scene(n)) for n in range(1, FRAMES + 1)]
    images[0].save(out, kind, save_all=True, append_images=images[1:], **options)
    return out.getvalue()


def encoded(picture: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[bytes], Clip]]:
    clips: list[Clip] = []

    def opener(content: bytes) -> Clip:
        path = tmp_path / f"file{len(clips)}"
        path.write_bytes(content)
        clips.append(readers.open_clip(path, SHA))
        return clips[-1]

    yield opener
    for clip in clips:
        clip.close()


# -------------------------------------------------------------------------------------------------------- frames

MOVING = {
    "gif": ("GIF", {"duration": 50}),
    "apng": ("PNG", {"duration": 50}),
    "webp": ("WEBP", {"duration": 50, "lossless": True}),
    "tiff": ("TIFF", {}),
}


@pytest.mark.parametrize("name", list(MOVING))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(1, FRAMES), min_size=2, max_size=8))
def test_a_frame_is_the_same_picture_whatever_was_asked_before(
    tmp_path: Path, name: str, order: list[int]
) -> None:
    path = tmp_path / name
    if not path.is_file():
        kind, options = MOVING[name]
        path.write_bytes(moving(kind, **options))
    clip = readers.open_clip(path, SHA)
    for number in order:
        assert np.abs(clip.frame(number).astype(int) - scene(number)).mean() < 1, (order, number)
    clip.close()


def hurt_apng(*, sum_too: bool) -> bytes:
    """An APNG whose third frame is damaged; with ``sum_too`` its checksum is right all the same."""
    content = bytearray(moving("PNG", duration=50))
    position, seen = 8, 0
    while position < len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if kind == b"fdAT":
            seen += 1
            if seen == 2:
                for place in range(position + 28, position + 48):
                    content[place] ^= 0x5A
                if sum_too:
                    total = zlib.crc32(bytes(content[position + 4 : position + 8 + length]))
                    struct.pack_into(">I", content, position + 8 + length, total)
        position += 12 + length
    return bytes(content)


def hurt_webp() -> bytes:
    content = bytearray(moving("WEBP", duration=50, lossless=True))
    place = -1
    for _ in range(3):
        place = content.index(b"ANMF", place + 1)
    for number in range(60, 90):
        content[place + number] ^= 0x5A
    return bytes(content)


def hurt_gif() -> bytes:
    content = bytearray(moving("GIF", duration=50))
    for place in range(len(content) // 2, len(content) // 2 + 30):
        content[place] ^= 0x5A
    return bytes(content)


@pytest.mark.parametrize("order", [(1, 2, 4, 5), (5, 4, 2, 1), (4, 1, 5, 2)])
@pytest.mark.parametrize("name", ["gif", "apng", "apng with a wrong checksum", "webp"])
def test_a_damaged_frame_does_not_hide_the_good_ones(
    opened: Callable[[bytes], Clip], name: str, order: tuple[int, ...]
) -> None:
    content = {
        "gif": hurt_gif,
        "apng": lambda: hurt_apng(sum_too=True),
        "apng with a wrong checksum": lambda: hurt_apng(sum_too=False),
        "webp": hurt_webp,
    }[name]()
    clip = opened(content)
    with pytest.raises(PictureUnavailable):
        clip.frame(3)
    for number in order:
        assert np.abs(clip.frame(number).astype(int) - scene(number)).mean() < 1, number
    assert any("damaged" in note or "checksum" in note for note in clip.facts.notes)


def test_deep_pages_are_all_scaled_alike(opened: Callable[[bytes], Clip]) -> None:
    out = io.BytesIO()
    pages = [Image.fromarray(np.full((8, 8), level, np.uint16)) for level in (100, 500, 1000)]
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    one, two = opened(out.getvalue()), opened(out.getvalue())
    levels = [int(one.frame(n)[0, 0]) for n in (1, 2, 3)]
    assert levels == sorted(set(levels))
    assert levels[2] == 255
    assert [int(two.frame(n)[0, 0]) for n in (3, 2, 1)] == levels[::-1]


def test_a_small_copy_in_a_tiff_is_no_frame(opened: Callable[[bytes], Clip]) -> None:
    out = io.BytesIO()
    first, small, last = (
        Image.fromarray(scene(1)),
        Image.fromarray(scene(2)[:12, :16]),
        Image.fromarray(scene(3)),
    )
    small.encoderinfo = {"tiffinfo": {254: 1}}
    first.save(out, "TIFF", save_all=True, append_images=[small, last])
    clip = opened(out.getvalue())
    assert clip.facts.instance.frames == 2
    assert np.array_equal(clip.frame(2), scene(3))


def test_pages_of_another_size_are_shown_whole_in_the_size_of_the_first(
    opened: Callable[[bytes], Clip],
) -> None:
    out = io.BytesIO()
    Image.fromarray(scene(1)).save(
        out, "TIFF", save_all=True, append_images=[Image.fromarray(np.full((96, 64, 3), 200, np.uint8))]
    )
    shown = opened(out.getvalue()).frame(2)
    assert shown.shape == (ROWS, COLUMNS, 3)
    assert shown[:, :15].max() == 0
    assert shown[:, 20:44].min() > 190


def test_directories_without_end_are_refused_at_once(tmp_path: Path) -> None:
    # Every directory claims all entries that fit, and each lies two bytes behind the one before.
    entries = 60_000
    size = 8 + 2 * 40 + entries * 12 + 16
    content = bytearray(b"II*\0" + struct.pack("<I", 8) + b"\0" * size)
    for n in range(40):
        struct.pack_into("<H", content, 8 + 2 * n, entries)
    path = tmp_path / "f"
    path.write_bytes(bytes(content))
    with pytest.raises(UnreadableFile):
        readers.open_clip(path, SHA)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_colour_are_shown(opened: Callable[[bytes], Clip], kind: str) -> None:
    if kind == "PNG":
        raw = b"".join(b"\0" + struct.pack(">192H", *([65535, 32768, 0] * 64)) for _ in range(48))

        def chunk(name: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

        head = struct.pack(">IIBBBBB", 64, 48, 16, 2, 0, 0, 0)
        content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw))
        content += chunk(b"IEND", b"")
    else:
        samples = struct.pack("<3H", 65535, 32768, 0) * (64 * 48)
        bits = 8 + len(samples)
        tags = (
            (256, 1, 64),
            (257, 1, 48),
            (258, 3, bits),
            (259, 1, 1),
            (262, 1, 2),
            (273, 1, 8),
            (277, 1, 3),
        )
        tags += ((278, 1, 48), (279, 1, len(samples)))
        directory = struct.pack("<H", len(tags)) + b"".join(
            struct.pack("<HHII", tag, 3 if tag == 258 else 4, count, value) for tag, count, value in tags
        )
        content = b"II*\0" + struct.pack("<I", bits + 6) + samples + struct.pack("<3H", 16, 16, 16)
        content += directory + b"\0" * 4
    shown = opened(content).frame(1)
    assert shown.shape == (48, 64, 3)
    assert np.abs(shown[3, 3].astype(int) - (255, 128, 0)).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_printers_inks_are_shown_as_colour(opened: Callable[[bytes], Clip], kind: str) -> None:
    inks = Image.merge("CMYK", [Image.new("L", (32, 32), level) for level in (0, 255, 255, 0)])
    shown = opened(encoded(inks, kind)).frame(1)
    assert np.abs(shown.astype(int).mean(axis=(0, 1)) - (255, 0, 0)).max() < 12


# ----------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_uneven_durations_become_times(opened: Callable[[bytes], Clip], kind: str) -> None:
    facts = opened(moving(kind, duration=[50, 50, 400, 50, 100])).facts
    assert facts.timing.times == pytest.approx((0, 0.05, 0.1, 0.5, 0.55))
    assert facts.timing.duration_s == pytest.approx(0.65)
    assert facts.timing.fps == pytest.approx(5 / 0.65, abs=0.001)
    assert any("not evenly spaced" in note for note in facts.notes)


def test_a_rate_that_hundredths_cannot_express_is_still_even(opened: Callable[[bytes], Clip]) -> None:
    facts = opened(moving("GIF", duration=[30, 30, 40, 30, 30])).facts
    assert facts.timing.times == ()
    assert facts.timing.fps == pytest.approx(30.77, abs=0.1)


@pytest.mark.parametrize("delay", [0, 1])
def test_a_gif_without_delays_has_no_known_speed(opened: Callable[[bytes], Clip], delay: int) -> None:
    content = bytearray(moving("GIF", duration=50))
    place = -1
    while (place := content.find(b"\x21\xf9\x04", place + 1)) >= 0:
        struct.pack_into("<H", content, place + 4, delay)
    facts = opened(bytes(content)).facts
    assert (facts.timing.fps, facts.timing.source, facts.timing.times) == (None, "unknown", ())
    assert any("no duration" in note for note in facts.notes)


def test_pages_have_no_speed_unless_imagej_wrote_one(opened: Callable[[bytes], Clip]) -> None:
    assert opened(moving("TIFF")).facts.timing.fps is None
    told = "ImageJ=1.53c\nimages=5\nframes=5\nfinterval=0.04\nfps=7\n"
    facts = opened(moving("TIFF", tiffinfo={270: told})).facts
    assert (facts.timing.fps, facts.timing.source) == (25.0, "container")


# -------------------------------------------------------------------------------------------------- hidden scales

REGION = {
    "RegionSpatialFormat": 1,
    "RegionDataType": 1,
    "RegionFlags": 0,
    "RegionLocationMinX0": 4,
    "RegionLocationMinY0": 6,
    "RegionLocationMaxX1": 59,
    "RegionLocationMaxY1": 43,
    "PhysicalUnitsXDirection": 3,
    "PhysicalUnitsYDirection": 3,
    "PhysicalDeltaX": 0.0125,
    "PhysicalDeltaY": 0.025,
}


def as_elements(region: dict[str, object]) -> str:
    return "".join(f"<{key}>{value}</{key}>" for key, value in region.items())


def as_attributes(region: dict[str, object]) -> str:
    return "<Region " + " ".join(f'{key}="{value}"' for key, value in region.items()) + "/>"


def as_native_model(region: dict[str, object]) -> str:
    return "".join(
        f'<DicomAttribute keyword="{key}" vr="UL"><Value number="1">{value}</Value></DicomAttribute>'
        for key, value in region.items()
    )


def as_dcmtk(region: dict[str, object]) -> str:
    return "".join(
        f'<element tag="0018,0000" vr="UL" name="{key}">{value}</element>' for key, value in region.items()
    )


SHAPES = {
    "elements": f"<ImageInfo><Regions><Region>{as_elements(REGION)}</Region></Regions></ImageInfo>",
    "attributes": f"<ge:Image xmlns:ge='urn:x'>{as_attributes(REGION)}</ge:Image>",
    "the native model": f"<NativeDicomModel><Item number='1'>{as_native_model(REGION)}</Item></NativeDicomModel>",
    "dcmtk": f"<file-format><item>{as_dcmtk(REGION)}</item></file-format>",
    "a declaration of another coding": f"<?xml version='1.0' encoding='UTF-16'?>\n<a><b>{as_elements(REGION)}</b></a>",
}


def described(text: str, kind: str = "JPEG", **more: object) -> bytes:
    exif = Image.Exif()
    exif[270] = text
    for tag, value in more.items():
        exif[int(tag[1:])] = value
    return encoded(scene(1), kind, exif=exif)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
@pytest.mark.parametrize("shape", list(SHAPES))
def test_regions_hidden_as_xml_are_found_with_their_source(
    opened: Callable[[bytes], Clip], shape: str, kind: str
) -> None:
    (region,) = opened(described(SHAPES[shape], kind)).facts.regions
    assert region.source == "exif"
    assert (region.min_x0, region.min_y0, region.max_x1, region.max_y1) == (4, 6, 59, 43)
    assert (region.delta_x, region.delta_y, region.units_x, region.units_y) == (0.0125, 0.025, 3, 3)
    assert (region.spatial_format, region.data_type, region.flags) == (1, 1, 0)


def test_every_region_is_found_and_the_mode_with_it(opened: Callable[[bytes], Clip]) -> None:
    doppler = REGION | {"RegionSpatialFormat": 3, "RegionDataType": 3, "PhysicalUnitsXDirection": 4}
    text = f"<r><i>{as_elements(REGION)}</i><i>{as_elements(doppler)}</i></r>"
    facts = opened(described(text)).facts
    assert [region.data_type for region in facts.regions] == [1, 3]
    assert facts.modes == ("b_mode", "pulsed_doppler")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"RegionLocationMaxX1": 700}, "resized"),
        ({"RegionLocationMinX0": -4}, "resized"),
        ({"RegionLocationMaxY1": 2}, "corners"),
    ],
)
def test_a_region_that_does_not_fit_the_picture_is_left_out_aloud(
    opened: Callable[[bytes], Clip], change: dict[str, int], said: str
) -> None:
    facts = opened(described(f"<r><i>{as_elements(REGION | change)}</i></r>")).facts
    assert facts.regions == ()
    assert any(said in note for note in facts.notes)


def test_a_turned_picture_gets_no_regions_for_they_would_lie_elsewhere(
    opened: Callable[[bytes], Clip],
) -> None:
    facts = opened(described(SHAPES["elements"], t274=6)).facts
    assert facts.regions == ()
    assert any("turned" in note for note in facts.notes)


HOSTILE = {
    "entities that grow": '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">]><a><b>&x;</b></a>',
    "an outside entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "a DTD elsewhere": f'<!DOCTYPE a SYSTEM "http://example.org/x.dtd"><a>{as_elements(REGION)}</a>',
    "too deep": "<a>" * 100 + as_elements(REGION) + "</a>" * 100,
    "not closed": f"<a>{as_elements(REGION)}",
    "too many": "<a>" + "<b/>" * 30_000 + as_elements(REGION) + "</a>",
    "too long": "<a>" + as_elements(REGION) + " " * (1 << 20) + "</a>",
    "no XML": "<3 this picture",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_xml_is_no_xml(name: str) -> None:
    assert _xml.parse(HOSTILE[name]) is None


@given(st.text(max_size=300))
def test_any_text_is_xml_or_not_and_never_trouble(text: str) -> None:
    _xml.parse(text)
    _xml.parse("<a>" + text)


def test_a_name_inside_the_xml_is_an_identifier_of_its_own(opened: Callable[[bytes], Clip]) -> None:
    text = f"<x><PatientName>Quillfeather^Orsino</PatientName><i>{as_elements(REGION)}</i><n id='SE-4711-0815'/></x>"
    found = {(i.keyword, i.value) for i in opened(described(text)).facts.identifiers}
    assert ("exif:ImageDescription/PatientName", "Quillfeather^Orsino") in found
    assert any(value == "SE-4711-0815" for _, value in found)
    assert not any(value == "0.0125" for _, value in found)


def imagej(text: str, per_x: float, per_y: float | None = None) -> bytes:
    info = {270: f"ImageJ=1.53c\n{text}", 282: per_x, 283: per_y or per_x, 296: 1}
    return encoded(scene(1), "TIFF", tiffinfo=info)


@pytest.mark.parametrize(
    ("unit", "per_unit", "centimetres"),
    [("cm", 80.0, 0.0125), ("mm", 8.0, 0.0125), ("micron", 0.01, 0.01), ("\\u00B5m", 0.01, 0.01)],
)
def test_a_scale_set_in_imagej_covers_the_picture_and_is_doubted_aloud(
    opened: Callable[[bytes], Clip], unit: str, per_unit: float, centimetres: float
) -> None:
    facts = opened(imagej(f"unit={unit}\n", per_unit)).facts
    (region,) = facts.regions
    assert region.source == "imagej"
    assert (region.min_x0, region.min_y0, region.max_x1, region.max_y1) == (0, 0, COLUMNS - 1, ROWS - 1)
    assert region.delta_x == pytest.approx(centimetres, rel=1e-4)
    assert region.units_x == region.units_y == 3
    assert any("by a person" in note for note in facts.notes)


def test_imagej_may_give_each_direction_its_own_scale(opened: Callable[[bytes], Clip]) -> None:
    (region,) = opened(imagej("unit=cm\n", 80.0, 40.0)).facts.regions
    assert (region.delta_x, region.delta_y) == pytest.approx((0.0125, 0.025))


@pytest.mark.parametrize(
    ("text", "per_unit"),
    [("", 80.0), ("unit=pixel\n", 80.0), ("unit=inch\n", 72.0), ("unit=cm\n", 0.5), ("unit=cm\n", 1e9)],
)
def test_what_is_no_length_is_no_scale(opened: Callable[[bytes], Clip], text: str, per_unit: float) -> None:
    assert opened(imagej(text, per_unit)).facts.regions == ()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_dots_per_inch_are_for_printers_and_no_calibration(
    opened: Callable[[bytes], Clip], kind: str
) -> None:
    assert opened(encoded(scene(1), kind, dpi=(254, 254))).facts.regions == ()


def test_frames_that_imagej_promises_and_the_file_lacks_are_said(opened: Callable[[bytes], Clip]) -> None:
    facts = opened(moving("TIFF", tiffinfo={270: "ImageJ=1.53c\nimages=400\n"})).facts
    assert "it promises 400 frames and holds 5" in facts.notes


# ------------------------------------------------------------------------------------------------- HEIC and AVIF

#: A photo of 64 by 48 pixels in HEIC: red above left, blue below right, black elsewhere.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAAM4AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5j"
    "bHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBp"
    "eGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAANZtZGF0AAAAyigBrwT4QTGZv/gj///9pm9l+7h8W3G0tOxx4H7R"
    "MCXwcX/+TNfu6t33tzG/xNsYo0s5Wfa541OXivhV4plpL9FZaHMeLeS/X/tH1I3gYj/+BuX5oy9Tp2nfeb0x2T3bOt4r4tpAhshf"
    "xfWqaJ6yRH9ri81RxqUx5UeIhY2azS6a+0wA/FGkmIjY8psDlEzf+MsJ8rHYV2DmqGIV/Oa0B2CeBHjrm0N8+T6to2+6uwqg/arE"
    "2LSOfhEJUiAmcqv/rX34oIszT9PCm0A="
)


def test_a_heic_photo_is_shown(opened: Callable[[bytes], Clip]) -> None:
    pytest.importorskip("pi_heif", reason="pi-heif (the extra heic) is not installed")
    clip = opened(HEIC)
    assert (clip.facts.kind, clip.facts.media_type) == ("image", "image/heic")
    shown = clip.frame(1)
    assert shown.shape == (48, 64, 3)
    assert shown[8, 8, 0] > 200 > 60 > shown[8, 8, 2]
    assert shown[40, 56, 2] > 200 > 60 > shown[40, 56, 0]


def test_without_its_library_a_heic_photo_is_kept_and_the_missing_part_is_named(
    opened: Callable[[bytes], Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    clip = opened(HEIC)
    assert clip.facts.media_type == "image/heic"
    assert any("casearchive[heic]" in note for note in clip.facts.notes)
    with pytest.raises(PictureUnavailable) as caught:
        clip.frame(1)
    assert "casearchive[heic]" in caught.value.hint


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_heic_photo_cut_short_is_refused_or_shown_with_a_note(tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut"
    path.write_bytes(HEIC[: int(share * len(HEIC))])
    try:
        clip = readers.open_clip(path, SHA)
    except UnreadableFile as refused:
        assert refused.reason == "truncated"
        return
    assert any("the file ends early" in note for note in clip.facts.notes)
    clip.close()


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_an_avif_photo_and_an_avif_clip_are_shown(opened: Callable[[bytes], Clip]) -> None:
    photo = opened(encoded(scene(1), "AVIF", quality=95))
    assert (photo.facts.kind, photo.facts.media_type, photo.facts.instance.frames) == (
        "image",
        "image/avif",
        1,
    )
    clip = opened(moving("AVIF", quality=95, duration=40))
    assert (clip.facts.kind, clip.facts.instance.frames) == ("clip", FRAMES)
    assert (clip.facts.timing.fps, clip.facts.timing.source) == (25.0, "container")
    for number in (5, 1, 3):
        assert np.abs(clip.frame(number).astype(int) - scene(number)).mean() < 8


# ------------------------------------------------------------------------------------------------ small traps


def test_a_deep_picture_that_was_stretched_says_so(opened: Callable[[bytes], Clip]) -> None:
    dim = (np.arange(48 * 64, dtype=np.uint16) % 4096).reshape(48, 64)
    clip = opened(_png16(dim))
    assert clip.frame(1).max() == 255
    assert any("reach 4095 of 65535" in note or "reach 3071 of 65535" in note for note in clip.facts.notes)
    full = opened(_png16((dim.astype(np.uint32) * 16).astype(np.uint16)))
    full.frame(1)
    assert not any("stretched" in note for note in full.facts.notes)


def _png16(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    return out.getvalue()


def test_a_deep_tiff_in_which_zero_is_white_is_turned_round(opened: Callable[[bytes], Clip]) -> None:
    values = np.linspace(0, 65535, 48 * 64).astype(np.uint16).reshape(48, 64)
    out = io.BytesIO()
    Image.fromarray(values).save(out, "TIFF", tiffinfo={262: 0})
    shown = opened(out.getvalue()).frame(1)
    assert shown[0, 0] > 250 and shown[-1, -1] < 5


def test_the_first_picture_of_an_apng_may_be_none_of_its_frames(opened: Callable[[bytes], Clip]) -> None:
    frames = [Image.fromarray(np.full((48, 64, 3), level, np.uint8)) for level in (10, 90, 170, 250)]
    out = io.BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:], default_image=True, duration=40)
    clip = opened(out.getvalue())
    assert clip.facts.instance.frames == 3
    assert [int(clip.frame(n).mean()) for n in (1, 2, 3)] == [90, 170, 250]
    assert [int(clip.frame(n).mean()) for n in (3, 1)] == [250, 90]
