"""The frames of a DICOM object as a person sees them: decoded one at a time, coloured as they are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from casearchive import pixels
from casearchive.clip import Picture
from casearchive.errors import PictureUnavailable
from casearchive.model import ANOTHER_SIZE, GUESSED_LAYOUT, Facts
from casearchive.readers import _frames, _overlays, _palettes, _video
from casearchive.readers._decoding import MONOCHROME, Decoder, Stored
from casearchive.readers._frames import Layout, Samples
from casearchive.readers._headers import Header
from casearchive.readers._shading import Shading
from casearchive.readers._shared import MAX_PIXELS, TOO_MANY_PIXELS, ranges
from casearchive.readers._structure import Structure

#: Enough of a frame to judge its colour by.
_JUDGED_EDGE = 128


@dataclass
class DicomClip:
    """A DICOM object. Its facts gain a note when a picture shows that a label was wrong or something missing."""

    _file: Structure
    _header: Header
    _layout: Layout | None
    _count: int
    facts: Facts
    _space: str = ""
    _planar_settled: bool = False
    _palette: _palettes.Palette | None = None
    _planes: tuple[_overlays.Overlay, ...] | None = None
    _decoder: Decoder | None = None
    _video: _video.Video | None = None
    _shading: Shading | None = None
    _said: set[str] = field(default_factory=set)
    _broken: set[int] = field(default_factory=set)
    _broken_note: str = ""
    _any_shown: bool = False

    def leave_out_graphics(self) -> None:
        """Show the pictures from now on without the overlay planes that lie over them."""
        self._planes = ()

    def frame(self, number: int) -> Picture:
        return self._show(number, None)

    def glimpse(self, number: int, edge: int) -> Picture:
        return self._show(number, edge)

    def close(self) -> None:
        if self._video is not None:
            self._video.close()
        self._file.source.close()

    def _show(self, number: int, edge: int | None) -> Picture:
        layout = self._layout
        if layout is None:
            raise PictureUnavailable("this DICOM object holds no picture")
        if not 1 <= number <= self._count:
            raise PictureUnavailable(f"there is no frame {number}; it has {self._count}, counted from 1")
        if layout.rows * layout.columns > MAX_PIXELS:
            raise _frames.too_large(f"a frame {TOO_MANY_PIXELS}")
        try:
            picture = np.ascontiguousarray(self._finished(layout, number, edge))
        except PictureUnavailable as trouble:
            if not trouble.hint:  # a hint names a codec that is missing: nothing is wrong with the frame
                self._broken.add(number)
                self._name_broken()
            raise
        except MemoryError as error:
            raise PictureUnavailable(f"frame {number} is larger than the memory of this machine") from error
        except Exception as error:  # decoders raise whatever damaged data makes of them
            self._broken.add(number)
            self._name_broken()
            raise PictureUnavailable(f"frame {number} cannot be decoded ({type(error).__name__})") from error
        self._any_shown = True
        self._name_broken()
        return picture

    def _name_broken(self) -> None:
        """One note for all frames found so far that cannot be shown while others can."""
        if not self._broken or not self._any_shown:
            return
        names = ranges(sorted(self._broken))
        text = f"frame{'s' if len(self._broken) > 1 else ''} {names} cannot be decoded; the others are shown"
        if text != self._broken_note:
            others = tuple(note for note in self.facts.notes if note != self._broken_note)
            self.facts, self._broken_note = replace(self.facts, notes=(*others, text)), text

    def _finished(self, layout: Layout, number: int, edge: int | None) -> Picture:
        """Frame ``number`` with its colours, its graphics and its size."""
        if self._planes is None:
            self._planes = _overlays.overlays(self._file, layout.rows, layout.columns)
        if self._planes:
            edge = None  # graphics are drawn at full size
        decoder = self._decoding(layout)
        self._settle_planes(decoder)
        space = self._settled_space(decoder) if decoder.layout.samples > 1 else ""
        stored = decoder.stored(number, edge, space)
        picture = stored.samples if stored.shown else self._coloured(stored, edge, decoder)
        picture = self._without_what_is_missing(picture, stored)
        if edge is None:
            picture = self._fitted(picture, layout)
        return _overlays.drawn(picture, self._planes, number, stored.cells) if self._planes else picture

    def _decoding(self, layout: Layout) -> Decoder:
        if self._decoder is None:
            self._decoder = Decoder(self._file, layout, self._count, self._note, self._video)
        return self._decoder

    @property
    def _asked(self) -> tuple[int, ...]:
        """First, middle and last frame: what is judged for a clip is always judged by the same frames."""
        return tuple(sorted({1, (self._count + 1) // 2, self._count}))

    def _several(self, numbers: Iterable[int], read: Callable[[int], Stored]) -> Iterator[Stored]:
        """The frames by which a clip is judged, those of them that can be read."""
        for number in numbers:
            try:
                found = read(number)
            except Exception:  # noqa: BLE001, S112 - a damaged frame has no say in how the others look
                continue
            yield found

    # -- what is missing, and what has another size

    def _without_what_is_missing(self, picture: Picture, stored: Stored) -> Picture:
        """Black where the data did not reach, with a note, instead of what decoders make up there."""
        if stored.rows == 0:
            raise PictureUnavailable("a frame is cut short before its first row")
        if stored.rows is not None:
            self._note("a frame is cut short; what is missing of it, from some row on, is black")
            picture = picture.copy()
            picture[stored.rows :] = 0
        elif not stored.whole:
            self._note("a frame is cut short; what there is of it is shown, less sharp")
        return picture

    def _fitted(self, picture: Picture, layout: Layout) -> Picture:
        """The picture in the size of the header, by which regions and measurements are placed.

        What a larger compressed frame has at its right and lower edge is padding; a smaller one is filled up.
        """
        rows, columns = picture.shape[:2]
        if (rows, columns) == (layout.rows, layout.columns):
            return picture
        self._note(
            f"{ANOTHER_SIZE} {columns} × {rows} although its header says {layout.columns} × {layout.rows}; "
            "shown from the top left corner in the size of the header"
        )
        fitted = np.zeros((layout.rows, layout.columns, *picture.shape[2:]), np.uint8)
        part = picture[: layout.rows, : layout.columns]
        fitted[: part.shape[0], : part.shape[1]] = part
        return fitted

    # -- colour

    def _coloured(self, stored: Stored, edge: int | None, decoder: Decoder) -> Picture:
        layout = stored.layout
        if layout.photometric in MONOCHROME:
            return self._grey(stored, decoder)
        if layout.photometric == "PALETTE COLOR":
            return self._through_palette(stored)
        if layout.samples != 3 or not layout.photometric.startswith(("RGB", "YBR", "XYB")):
            raise PictureUnavailable("its photometric interpretation is not known here")
        samples: Picture = _frames.reduced(_frames.as_bytes(stored.samples, layout.stored), edge)
        if (self._space or self._settled_space(decoder)) == "RGB":
            return samples
        if layout.photometric.startswith("YBR_PARTIAL") and decoder.is_native:
            return pixels.rgb_from_ybr_partial(samples)
        return pixels.rgb_from_ybr_full(samples)

    def _settled_space(self, decoder: Decoder) -> str:
        """Decide once for the clip whether samples are RGB or YBR; a label that was wrong becomes a note.

        Where label and codestream agree beyond doubt, that is that. Otherwise the content of a few frames is
        asked, and where it cannot tell, the codestream before the label.
        """
        if not self._space:
            expected, certain = self._expected(decoder)
            judged = "" if certain else self._judged(decoder)
            self._space = judged or expected
            named = decoder.layout.photometric
            labelled = "RGB" if named in ("RGB", "YBR_ICT", "YBR_RCT", "XYB") else "YBR"
            if (
                self._space != labelled
                and decoder.layout.samples == 3
                and not (certain and expected == "RGB")
            ):
                stored = "RGB" if self._space == "RGB" else "luma and chroma"
                self._note(f"called {named} but stored as {stored}; shown as it is stored")
        return self._space

    def _expected(self, decoder: Decoder) -> tuple[str, bool]:
        """What the first frame that can be read at all says of the colour of the clip."""
        for number in self._asked:
            try:
                return decoder.expected(number)
            except Exception:  # noqa: BLE001, S112 - a damaged frame has no say in how the others look
                continue
        return ("RGB" if decoder.layout.photometric == "RGB" else "YBR"), False

    def _judged(self, decoder: Decoder) -> str:
        """What the content certainly is, or nothing where it does not tell; most frames decide.

        Frames of zeros speak only where there is nothing else: then the clip is black, which is what RGB says.
        """
        votes: Counter[str] = Counter()
        black = False
        # the last before the first, which is kept decoded and often shown next; two that agree cannot be outvoted
        first, *others = self._asked
        numbers = (*others[-1:], first, *others[:-1])
        for stored in self._several(numbers, lambda number: decoder.stored(number, _JUDGED_EDGE)):
            if stored.samples.ndim != 3:
                continue
            samples = _frames.as_bytes(stored.samples[: stored.rows], stored.layout.stored)
            if pixels.empty(samples):
                black = True
            elif pixels.resembles_rgb(samples):
                votes["RGB"] += 1
            elif pixels.resembles_ybr(samples):
                votes["YBR"] += 1
            if max(votes.values(), default=0) == 2:
                break
        if votes["RGB"] != votes["YBR"]:
            return max(votes, key=lambda space: votes[space])
        return "RGB" if black and not votes else ""

    def _settle_planes(self, decoder: Decoder) -> None:
        """Decide once whether native colour really lies by plane or by pixel as the header says.

        Read the right way, most of the texture of a real ultrasound picture is grey (0.4 to 1 of it); read the
        wrong way, hardly any is (up to 0.25 of RGB, 0.65 of YBR, whose chroma is nearly the same everywhere).
        """
        layout = decoder.layout
        if self._planar_settled or not decoder.is_native or layout.samples != 3 or layout.pairs:
            return
        self._planar_settled = True
        turned = replace(layout, planar=not layout.planar)
        votes = 0
        for number in self._asked:
            run, rows = decoder.flat(number)
            if rows < layout.rows:
                continue
            as_stated = _frames.as_bytes(_frames.shaped(run, layout), layout.stored)
            stated = pixels.greyness(as_stated)
            if stated > 0.65:
                return
            picture = _frames.as_bytes(_frames.shaped(run, turned), layout.stored)
            if pixels.torn(picture) > 1.2 * pixels.torn(as_stated) or (
                not layout.planar and pixels.woven(picture)
            ):
                continue  # a tint, a menu, a magnified picture: it looks better the way the header says
            other = pixels.greyness(picture)
            if not ((stated <= 0.3 and other >= 0.5) or (other >= 0.85 and other - stated >= 0.25)):
                return  # in doubt the label stays
            votes += 1
        if votes:
            decoder.layout = turned
            said, stored = ("plane", "pixel") if layout.planar else ("pixel", "plane")
            self._note(f"{GUESSED_LAYOUT} {said} but holds them by {stored}; shown as it is stored")

    # -- grey and palette

    def _grey(self, stored: Stored, decoder: Decoder) -> Picture:
        if self._shading is None:

            def several() -> Iterator[Samples]:
                return (
                    each.samples for each in self._several(self._asked, lambda n: decoder.stored(n, None))
                )

            big_endian = self._file.encoding.big_endian
            self._shading = Shading(self._header, big_endian, several, self._note)
        shown = self._shading.shown(stored.samples, stored.layout)
        if stored.layout.photometric == "MONOCHROME1":
            shown = 255 - shown
        if not _palettes.described(self._file) or self._is_grey_only():
            return shown
        return self._supplemented(shown, stored)

    def _is_grey_only(self) -> bool:
        return (self._header.text("PixelPresentation") or "").upper() == "MONOCHROME"

    def _supplemented(self, grey: Picture, stored: Stored) -> Picture:
        """Values from the first one of the supplemental palette on in its colours (PS3.3 C.7.6.23)."""
        palette = self._colour_table(stored.layout)
        picture = pixels.coloured(grey)
        for band in pixels.bands(grey):
            inside = stored.samples[band] >= palette.first
            picture[band][inside] = palette.shown(stored.samples[band][inside])
        return picture

    def _through_palette(self, stored: Stored) -> Picture:
        return self._colour_table(stored.layout).shown(stored.samples)

    def _colour_table(self, layout: Layout) -> _palettes.Palette:
        if self._palette is None:
            self._palette = _palettes.palette(self._file, layout.signed, self._note)
        return self._palette

    def _note(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.facts = replace(self.facts, notes=(*self.facts.notes, text))
