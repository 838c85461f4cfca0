"""A real browser for tests: Chromium without a window, driven over a pipe, with no way out to a network.

``with Browser() as browser: page = browser.open(path)`` opens a file; the page tells what it asked for, what
it complained about, and does what a reader would do. Nothing here sleeps: every wait is for an event or a
promise. Where no Chromium is found a test is skipped with the reason, except where ``CI=true``: there it
fails.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
_PATIENCE = 60.0
_TO_THE_MIDDLE = "{block: 'center', behavior: 'instant'}"
_KEYS = {
    " ": ("Space", 32),
    "ArrowLeft": ("ArrowLeft", 37),
    "ArrowRight": ("ArrowRight", 39),
    "Home": ("Home", 36),
    "End": ("End", 35),
    "Tab": ("Tab", 9),
    "Enter": ("Enter", 13),
    "ArrowUp": ("ArrowUp", 38),
    "ArrowDown": ("ArrowDown", 40),
    "Escape": ("Escape", 27),
    ",": ("Comma", 188),
    ".": ("Period", 190),
    "+": ("Equal", 187),
    "0": ("Digit0", 48),
    "1": ("Digit1", 49),
    "/": ("Slash", 191),
}
_AXE = Path(__file__).parent / "data" / "axe" / "axe.min.js"


def find_chromium() -> str:
    """The program's path; skips the running test where there is none (fails it where ``CI=true``)."""
    found = next((path for path in map(shutil.which, _NAMES) if path), None)
    if found:
        return found
    reason = f"needs a browser: none of {', '.join(_NAMES)} is on the PATH"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _start(command: list[str]) -> tuple[int, int, int]:
    """Run ``command`` in a group of its own; it reads commands from descriptor 3 and answers on 4, as
    Chromium's pipe does. Returns its process id, the end to read from and the end to write to."""
    reads, out = os.pipe()
    into, writes = os.pipe()
    # Above 9, so that neither end can be 3 or 4 itself while they are put in place.
    given = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (reads, writes)]
    pid = os.posix_spawn(
        command[0],
        command,
        os.environ,
        setpgroup=0,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, given[0], 3),
            (os.POSIX_SPAWN_DUP2, given[1], 4),
        ],
    )
    for end in (reads, writes, *given):
        os.close(end)
    return pid, into, out


class Browser:
    """One Chromium process with a profile of its own, gone when the ``with`` block ends."""

    def __init__(self) -> None:
        program = find_chromium()
        self._home = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        command = [program, *_FLAGS, f"--user-data-dir={self._home.name}", "about:blank"]
        self._pid, self._in, self._out = _start(command)
        self._numbers = itertools.count(1)
        self._rest = b""
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, ConnectionError):
            self.ask("Browser.close")
        os.close(self._out)
        os.close(self._in)
        self._wait_or_kill()
        self._home.cleanup()

    def _wait_or_kill(self) -> None:
        with open(os.pidfd_open(self._pid), "rb", buffering=0) as process:
            if not select.select([process], [], [], 10.0)[0]:
                os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def open(self, path: Path, **how: Any) -> Page:
        """Open a local file in a new page, wait until it and its pictures have loaded; ``how`` as in Page."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, **how)
        self._pages[session] = page
        page.start()
        page.go(path)
        return page

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send one DevTools command and return its result; events that arrive meanwhile go to their pages."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE
        while True:
            answer = self._next(deadline, method)
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._deliver(answer)

    def wait_for(self, page: Page, event: str) -> None:
        """Until ``event`` has reached ``page`` since it last went somewhere."""
        deadline = time.monotonic() + _PATIENCE
        while event not in page.events:
            self._deliver(self._next(deadline, event))

    def _deliver(self, message: dict[str, Any]) -> None:
        page = self._pages.get(message.get("sessionId", ""))
        if page and "method" in message:
            page.heard(message["method"], message["params"])

    def _next(self, deadline: float, awaited: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"the browser did not answer {awaited} within {_PATIENCE:.0f} s")
            chunk = os.read(self._in, 1 << 20)
            if not chunk:
                raise ConnectionError("the browser went away")
            self._rest += chunk
        line, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        return message


class Page:
    """One open page. ``requests`` are the addresses it asked for, ``complaints`` its console errors, uncaught
    exceptions, policy violations and dialogs. ``calm`` asks for reduced motion, so that no clip starts by
    itself."""

    def __init__(
        self,
        browser: Browser,
        session: str,
        *,
        width: int = 1366,
        height: int = 768,
        dark: bool = False,
        calm: bool = True,
        scripts: bool = True,
    ) -> None:
        self._browser, self._session = browser, session
        self._size, self._dark, self._calm, self._scripts = (width, height), dark, calm, scripts
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.events: set[str] = set()

    def start(self) -> None:
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Network.setBlockedURLs", urls=["http://*", "https://*", "ws://*", "wss://*"])
        width, height = self._size
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme, motion = ("dark" if self._dark else "light"), ("reduce" if self._calm else "no-preference")
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        self.ask(
            "Emulation.setEmulatedMedia", features=[{"name": n, "value": v} for n, v in features.items()]
        )
        if not self._scripts:
            self.ask("Emulation.setScriptExecutionDisabled", value=True)

    def go(self, path: Path) -> None:
        self.events.clear()
        self.ask("Page.navigate", url=path.resolve().as_uri())
        self._browser.wait_for(self, "Page.loadEventFired")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.ask(method, self._session, **params)

    def heard(self, event: str, params: dict[str, Any]) -> None:
        self.events.add(event)
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(params["entry"]["text"])
        elif event == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self.complaints.append(str(params["args"]))
        elif event == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog: {params['message']}")

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are waited for."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a JavaScript condition holds, looking once per drawn frame."""
        self.run(
            "new Promise((done, fail) => { const end = performance.now() + 30000;"
            f"const look = () => ({condition}) ? done() : performance.now() > end"
            f" ? fail(new Error('never: ' + {json.dumps(condition)})) : requestAnimationFrame(look);"
            "look(); })"
        )

    def text(self, selector: str = "body") -> str:
        """What a reader sees: the rendered text, without hidden parts."""
        return str(self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    def source(self) -> str:
        return str(self.run("document.documentElement.outerHTML"))

    def click(self, selector: str, at: tuple[float, float] = (0.5, 0.5)) -> None:
        """Click an element with the mouse, after scrolling to it: in its middle, or at parts of its size."""
        x, y, width, height = self.box(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.ask(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x + width * at[0],
                y=y + height * at[1],
                button="left",
                clickCount=1,
            )

    def write(self, text: str) -> None:
        """Type text into whatever has the focus."""
        self.ask("Input.insertText", text=text)

    def faults(self) -> list[str]:
        """What axe-core finds wrong for people who see little, hear the page or use no mouse; animations are ended
        first, as colours in between are nobody's."""
        self.run("document.getAnimations().forEach(one => one.finish())")
        self.ask("Runtime.evaluate", expression=_AXE.read_text("utf-8"))
        found = self.run(
            "axe.run(document, {resultTypes: ['violations']}).then(told => told.violations.flatMap("
            "v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 160)}: ${n.failureSummary}`)))"
        )
        return [str(one) for one in found]

    def follow(self, selector: str) -> None:
        """Click a link and wait until the page it leads to has loaded."""
        self.events.clear()
        self.click(selector)
        self._browser.wait_for(self, "Page.loadEventFired")

    def press(self, key: str) -> None:
        """Press and release a key on whatever has the focus."""
        code, number = _KEYS.get(key, (f"Key{key.upper()}", ord(key.upper()[0])))
        text = {"Enter": "\r", "Tab": ""}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        self.ask("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Where an element is in the window after scrolling to it: x, y, width, height in CSS pixels."""
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({_TO_THE_MIDDLE})")
        x, y, width, height = self.place(selector)
        left, top = self.run("[scrollX, scrollY]")
        return x - left, y - top, width, height

    def place(self, selector: str) -> tuple[float, float, float, float]:
        """Where an element is on the page: x, y, width, height in CSS pixels, wherever the window is."""
        x, y, width, height = self.run(
            f"(() => {{ const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            "return [r.x + scrollX, r.y + scrollY, r.width, r.height]; })()"
        )
        return x, y, width, height

    def screenshot(self, selector: str | None = None, *, whole: bool = False) -> bytes:
        """A PNG of the window, of one element, or of the whole page."""
        clip: dict[str, Any] = {}
        if selector:
            x, y, width, height = self.place(selector)
            clip = {
                "clip": {"x": x, "y": y, "width": width, "height": height, "scale": 1},
                "captureBeyondViewport": True,
            }
        elif whole:
            width, height = self.run(
                "[document.documentElement.clientWidth, document.documentElement.scrollHeight]"
            )
            clip = {
                "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
                "captureBeyondViewport": True,
            }
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png", **clip)["data"])

    def pdf(self) -> bytes:
        """The page as it would be printed."""
        answer = self.ask("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(answer["data"])
