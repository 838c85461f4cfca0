"""The closed lists of words that records, queries and reports use; plain tuples, so that reading them costs nothing."""

from __future__ import annotations

import re

SIDES = ("left", "right", "bilateral", "midline", "none", "unknown")
#: How sure somebody is of what is there, and all that can be said of a finding.
PRESENT = ("definite", "probable", "possible")
CERTAINTIES = (*PRESENT, "absent", "not_assessed")
SEVERITIES = ("trace", "mild", "moderate", "severe")
TEMPORALITIES = ("acute", "subacute", "chronic", "historical")
DISCORDANCES = ("agreement", "undergraded", "overgraded", "missed", "discordant", "technique_limited")
STATUSES = ("draft", "ready", "held", "retired")
#: Image modes (CID 12224 and local), as the lexicon names them.
MODES = (
    "b_mode", "m_mode", "color_doppler", "power_doppler", "pulsed_doppler", "cw_doppler", "doppler",
    "shear_wave", "elastography", "panoramic",
)  # fmt: skip
DIFFICULTIES = ("primary", "intermediate", "advanced")  # CID 7016
MODALITIES = ("us", "mri", "xray", "ct", "emg", "ncs", "clinical_exam", "surgery", "histology", "other")

#: What can be measured: how many points it takes (fewest, most), and what it is.
MEASURES: dict[str, tuple[int, int, str]] = {
    "length": (2, 10_000, "the way along the points"),
    "area": (3, 2_000, "the area inside the outline that the points make"),
    "ellipse": (
        2,
        4,
        "the area of an ellipse: two corners of the box around it, or the four ends of its axes",
    ),
    "angle": (3, 4, "the angle at the second of three points, or between the lines 1-2 and 3-4"),
    "depth": (1, 2, "how deep a point lies below the transducer face, or a second one below a first"),
    "time": (2, 2, "the time between two points of a spectrum, an M-mode or a trace"),
    "rate": (2, 2, "beats a minute, the two points being one beat apart"),
    "velocity": (1, 1, "the velocity at a point of a spectrum; its sign is the scanner's"),
}

#: What a file is called that promises a picture.
PICTURE_SUFFIX = re.compile(
    r"\.(dcm|dicom|ima|png|jpe?g|tiff?|bmp|webp|gif|mp4|m4v|mov|avi|mpe?g|wmv|mkv|webm|heic)$", re.IGNORECASE
)

#: Why a file was not taken (or taken with a note): the closed list behind ``ingest --report``.
REASONS: dict[str, str] = {
    "empty": "the file has no bytes",
    "truncated": "the file ends before what it promises",
    "unreadable": "the operating system would not let it be read",
    "changed-while-reading": "the file changed while it was being read",
    "not-an-image": "no reader knows this kind of file",
    "no-picture": "DICOM, but no image (a report, a presentation state …); the original is kept",
    "not-decodable": "the picture cannot be decoded here; the original is kept",
    "damaged": "the file contradicts itself and cannot be understood",
    "special-file": "a device, pipe or socket, not a file",
    "link": "a symbolic link; links are not followed",
    "dicomdir": "the index of a disc; its files are taken one by one",
    "missing-on-medium": "the disc's index names this file, but it is not there",
    "unsafe-name": "the name in an archive file, a disc's index or a bag's manifest points outside it",
    "bag-tag": "it describes a bag (BagIt) and is no part of its content",
    "bag-odd": "a tag file of a bag is not what the standard asks for, or could not be used",
    "bag-differs": "its bytes are not those that the manifest of its bag names",
    "bag-missing": "the manifest of its bag lists it, but it is not there",
    "bag-fetch": "its bag says where it could be fetched from; nothing is ever fetched",
    "archive-refused": "a zip that cannot be opened safely (encrypted, damaged, nested or too large)",
    "record-invalid": "the case file has errors",
    "record-conflict": "the archive's record of this case was edited since; it is left as it is",
    "media-missing": "the case file names a file that is not there or was not taken",
    "other-form": "a teaching file shows a picture in several forms; the best one is taken",
    "told-before": "what there is to say of a report was said before, and nothing has changed since",
    "same-uid": "the same SOP Instance UID is held already with other content; both are kept",
    "part-of-archive": "lies inside the archive itself",
    "timed-out": "reading it took too long",
    "ignored": "housekeeping of an operating system (.DS_Store, Thumbs.db …)",
    "internal-error": "an error of casearchive's own; please report it",
}
