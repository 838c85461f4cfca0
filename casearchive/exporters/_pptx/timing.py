"""The timing of a slide whose films start by themselves and go on until the slide is left, as PowerPoint writes it.

ECMA-376 part 1, 19.5: a main sequence that begins with the slide and calls ``playFrom(0.0)`` for each film; a media
node a film, repeated without end; and a sequence a film that pauses it when it is clicked.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

_NAMES = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
)
_SHAPE = '<p:tgtEl><p:spTgt spid="{shape}"/></p:tgtEl>'
_NOW = '<p:stCondLst><p:cond delay="0"/></p:stCondLst>'
_CLICK = f'<p:cond evt="onClick" delay="0">{_SHAPE}</p:cond>'
_WITH_THE_SLIDE = (
    '<p:stCondLst><p:cond delay="indefinite"/>'
    '<p:cond evt="onBegin" delay="0"><p:tn val="2"/></p:cond></p:stCondLst>'
)
_TURNING = (
    '<p:prevCondLst><p:cond evt="onPrev" delay="0"><p:tgtEl><p:sldTgt/></p:tgtEl></p:cond></p:prevCondLst>'
    '<p:nextCondLst><p:cond evt="onNext" delay="0"><p:tgtEl><p:sldTgt/></p:tgtEl></p:cond></p:nextCondLst>'
)


def timing(films: Sequence[tuple[int, float]]) -> Any:
    """A ``p:timing`` element for these films: the id of each one's shape and its seconds."""
    from pptx.oxml import parse_xml

    number = count(3)
    outer, inner = next(number), next(number)
    started = "".join(
        _started(shape, seconds, next(number), next(number), first=place == 0)
        for place, (shape, seconds) in enumerate(films)
    )
    played = "".join(_played(shape, number) for shape, _ in films)
    return parse_xml(
        f'<p:timing {_NAMES}><p:tnLst><p:par><p:cTn id="1" dur="indefinite" restart="never" nodeType="tmRoot">'
        f'<p:childTnLst><p:seq concurrent="1" nextAc="seek"><p:cTn id="2" dur="indefinite" nodeType="mainSeq">'
        f'<p:childTnLst><p:par><p:cTn id="{outer}" fill="hold">{_WITH_THE_SLIDE}<p:childTnLst>'
        f'<p:par><p:cTn id="{inner}" fill="hold">{_NOW}<p:childTnLst>{started}</p:childTnLst></p:cTn></p:par>'
        f"</p:childTnLst></p:cTn></p:par></p:childTnLst></p:cTn>{_TURNING}</p:seq>{played}"
        f"</p:childTnLst></p:cTn></p:par></p:tnLst></p:timing>"
    )


def _started(shape: int, seconds: float, effect: int, behaviour: int, *, first: bool) -> str:
    kind = "afterEffect" if first else "withEffect"
    return (
        f'<p:par><p:cTn id="{effect}" presetID="1" presetClass="mediacall" presetSubtype="0" fill="hold" '
        f'nodeType="{kind}">{_NOW}<p:childTnLst><p:cmd type="call" cmd="playFrom(0.0)"><p:cBhvr>'
        f'<p:cTn id="{behaviour}" dur="{max(1, round(1000 * seconds))}" fill="hold"/>{_SHAPE.format(shape=shape)}'
        f"</p:cBhvr></p:cmd></p:childTnLst></p:cTn></p:par>"
    )


def _played(shape: int, number: count[int]) -> str:
    node, sequence, outer, inner, effect, behaviour = (next(number) for _ in range(6))
    target, click = _SHAPE.format(shape=shape), _CLICK.format(shape=shape)
    return (
        f'<p:video><p:cMediaNode vol="80000"><p:cTn id="{node}" repeatCount="indefinite" fill="hold" display="0">'
        f'<p:stCondLst><p:cond delay="indefinite"/></p:stCondLst></p:cTn>{target}</p:cMediaNode></p:video>'
        f'<p:seq concurrent="1" nextAc="seek"><p:cTn id="{sequence}" restart="whenNotActive" fill="hold" '
        f'evtFilter="cancelBubble" nodeType="interactiveSeq"><p:stCondLst>{click}</p:stCondLst>'
        f'<p:endSync evt="end" delay="0"><p:rtn val="all"/></p:endSync><p:childTnLst>'
        f'<p:par><p:cTn id="{outer}" fill="hold">{_NOW}<p:childTnLst><p:par><p:cTn id="{inner}" fill="hold">{_NOW}'
        f'<p:childTnLst><p:par><p:cTn id="{effect}" presetID="2" presetClass="mediacall" presetSubtype="0" '
        f'fill="hold" nodeType="clickEffect">{_NOW}<p:childTnLst><p:cmd type="call" cmd="togglePause"><p:cBhvr>'
        f'<p:cTn id="{behaviour}" dur="1" fill="hold"/>{target}</p:cBhvr></p:cmd></p:childTnLst></p:cTn></p:par>'
        f"</p:childTnLst></p:cTn></p:par></p:childTnLst></p:cTn></p:par></p:childTnLst></p:cTn>"
        f"<p:nextCondLst>{click}</p:nextCondLst></p:seq>"
    )
