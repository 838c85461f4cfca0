/* The player of one clip or picture: play, pause, step, scrub, at its true speed, over the whole or over the frames of
   one finding. Frames count from 1. Whoever wants to hear of each frame that is shown asks with `tell`. */

class Player {
  constructor(root) {
    const data = dataOf(root.querySelector(".player-data"));
    Object.assign(this, { root, data, frames: data.frames, key: data.key, columns: data.columns, rows: data.rows });
    this.figure = data.figure;
    this.stage = root.querySelector(".stage");
    this.pane = root.querySelector(".pane");
    this.still = root.querySelector(".still");
    this.name = root.getAttribute("aria-label");
    this.moving = this.frames > 1;
    this.shown = this.key;
    this.playing = false;
    this.touched = false;
    this.loop = [1, this.frames];
    this.listeners = [];
    root.style.setProperty("--ratio", data.columns / data.rows);
    root.dataset.frame = this.key;
    const find = (selector) => root.querySelector(selector);
    if (this.moving) this.makeMoving(find);
    this.marks = new Marks(this);
    this.view = new View(this);
    this.pointer = new Pointer(this);
    this.ruler = new Ruler(this);
    const fill = find(".fill");
    fill.hidden = !document.fullscreenEnabled;
    fill.addEventListener("click", () => this.fill());
    const tools = find(".tools-toggle");
    tools.addEventListener("click", () => this.showTools(find(".tools").hidden));
    root.addEventListener("keydown", (event) => this.pressed(event));
  }

  makeMoving(find) {
    const Kind = this.data.film ? Film : Pictures;
    this.source = new Kind(this.data, this.still, (number) => this.arrived(number));
    this.source.element.setAttribute("aria-label", this.name);
    this.still.after(this.source.element);
    this.button = find(".play");
    this.scrub = find(".scrub");
    this.now = find(".now");
    this.speed = find(".speed");
    this.looping = find(".loop");
    this.sound = find(".sound");
    this.bands = find(".track").appendChild(make("div", { className: "bands" }));
    this.button.addEventListener("click", () => this.toggle());
    this.stage.addEventListener("click", () => this.stageClicked());
    find(".back").addEventListener("click", () => this.step(-1));
    find(".on").addEventListener("click", () => this.step(1));
    this.scrub.addEventListener("input", () => this.stopAt(Number(this.scrub.value)));
    this.speed.addEventListener("change", () => this.playing && this.data.film && this.source.play(this.rate));
    this.looping.addEventListener("change", () => this.loopOver(this.looping.value));
    if (this.sound) this.sound.addEventListener("click", () => this.turnSound());
    if (this.data.film) this.source.element.addEventListener("ended", () => this.again());
    this.root.classList.add("fresh");
  }

  tell(listener) {
    this.listeners.push(listener);
  }

  get rate() {
    return Number(this.speed.value);
  }

  stageClicked() {
    if (this.pointer.active || this.view.dragged) return;
    this.root.focus({ preventScroll: true });
    this.toggle();
  }

  seek(number) {
    if (this.moving) this.source.show(clamp(number, 1, this.frames));
  }

  /* A frame is on the screen. */
  arrived(number) {
    const [first, last] = this.loop;
    if (this.playing && this.data.film && (number > last || number < first)) {
      this.seek(first);
      return;
    }
    this.shown = number;
    const told = say("frame_of", { n: number, of: this.frames });
    this.scrub.value = number;
    this.scrub.setAttribute("aria-valuetext", told);
    this.now.textContent = number;
    this.root.dataset.frame = number;
    this.listeners.forEach((listener) => listener(number));
  }

  stopAt(number) {
    this.touched = true;
    this.pause();
    this.seek(number);
  }

  step(by) {
    const every = this.data.every;
    const from = this.source.wanted ?? this.shown;
    this.stopAt(((from - 1 + by * every + this.frames) % this.frames) + 1);
  }

  toggle() {
    this.touched = true;
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (!this.moving || this.playing) return;
    this.playing = true;
    this.root.classList.remove("fresh");
    this.root.classList.add("playing");
    this.button.setAttribute("aria-label", say("pause"));
    if (this.data.film) {
      this.source.play(this.rate, this.shown);
      return;
    }
    this.position = this.shown - 1;
    this.last = null;
    requestAnimationFrame((time) => this.tick(time));
  }

  pause() {
    if (!this.moving) return;
    this.playing = false;
    this.root.classList.remove("playing", "fresh");
    this.button.setAttribute("aria-label", say("play"));
    if (this.data.film) this.source.pause();
  }

  again() {
    if (!this.playing) return;
    this.seek(this.loop[0]);
    this.source.element.play().catch(() => {});
  }

  /* Time decides which frame is due, so a slow computer drops frames instead of slowing the patient down;
     only a frame that has not been read from disk yet makes the clip wait. */
  tick(time) {
    if (!this.playing) return;
    const passed = this.last === null ? 0 : Math.min(time - this.last, 250) / 1000;
    this.last = time;
    const due = this.due(passed * this.rate);
    const number = this.source.snap(Math.floor(due) + 1);
    if (number === this.shown) this.position = due;
    else if (this.source.ready(number)) {
      this.position = due;
      this.source.show(number);
    }
    this.source.ahead(number);
    requestAnimationFrame((next) => this.tick(next));
  }

  /* The position (0-based, with the part of the frame that has passed) after so many seconds; frames that came
     unevenly stay as long as they stayed on the scanner, and the last frame of the loop is followed by its first. */
  due(seconds) {
    const [first, last] = this.loop;
    const inside = (at) => (at >= last || at < first - 1 ? first - 1 + (Math.max(0, at - last) % (last - first + 1)) : at);
    const { steps, fps } = this.data;
    if (!steps) return inside(this.position + seconds * fps);
    let position = inside(this.position);
    let left = seconds;
    while (left > 0) {
      const frame = Math.floor(position);
      const lasts = Math.max(steps[frame], 0.001);
      const rest = (1 - (position - frame)) * lasts;
      if (left < rest) return position + left / lasts;
      left -= rest;
      position = inside(frame + 1);
    }
    return position;
  }

  /* Seconds from the first frame to this one, and back: how clips of different speeds are kept together. */
  secondsTo(number) {
    const { steps, fps } = this.data;
    if (!this.moving) return 0;
    return steps ? steps.slice(0, number - 1).reduce((sum, step) => sum + step, 0) : (number - 1) / fps;
  }

  frameAt(seconds) {
    const { steps, fps } = this.data;
    if (!steps) return clamp(Math.floor(seconds * fps + 1e-6) + 1, 1, this.frames);
    let end = 0;
    const found = steps.findIndex((step) => (end += step) > seconds + 1e-6);
    return found < 0 ? this.frames : found + 1;
  }

  /* "12-27 3": the frames of finding 3, or "" for the whole clip. */
  loopOver(range) {
    const [, first, last] = /^(\d+)-(\d+)/.exec(range) || [];
    this.loop = range ? [Number(first), Number(last)] : [1, this.frames];
    if (this.looping.value !== range) this.looping.value = range;
    if (range && (this.shown < this.loop[0] || this.shown > this.loop[1])) this.seek(this.loop[0]);
    if (range) {
      this.touched = true;
      if (!this.playing) this.play();
      this.position = this.loop[0] - 1;
    }
  }

  /* The frames in which findings can be seen, as bands under the slider and as loops to choose. */
  setRanges(ranges) {
    if (!this.moving) return;
    const share = (frame) => (100 * frame) / Math.max(1, this.frames - 1);
    const option = (value, text) => make("option", { value }, text);
    this.bands.replaceChildren(
      ...ranges.map(({ first, last, colour }) => {
        const band = make("span", { className: `band mark-${colour}` });
        band.style.left = `${share(clamp(first - 1.5, 0, this.frames - 1))}%`;
        band.style.right = `${100 - share(clamp(last - 0.5, 0, this.frames - 1))}%`;
        return band;
      }),
    );
    this.looping.replaceChildren(
      option("", say("whole_clip")),
      ...ranges.map(({ first, last, label }) => option(`${first}-${last}`, `${label}: ${first}–${last}`)),
    );
    this.root.querySelector(".loop-tool").hidden = ranges.length === 0;
    this.loopOver("");
  }

  turnSound() {
    const on = this.source.element.muted;
    this.source.element.muted = !on;
    this.sound.setAttribute("aria-pressed", String(on));
  }

  fill() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (document.fullscreenEnabled) this.root.requestFullscreen().catch(() => {});
  }

  showTools(open) {
    this.root.querySelector(".tools").hidden = !open;
    this.root.querySelector(".tools-toggle").setAttribute("aria-expanded", String(open));
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const on = event.target;
    if (on.tagName === "SELECT") return;
    const pressing = on.tagName === "BUTTON" && (event.key === " " || event.key === "Enter");
    const sliding = on.type === "range" && event.key !== " ";
    if (!pressing && !sliding && this.pointer.pressed(event)) {
      event.preventDefault();
      return;
    }
    const act = this.acts(event)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || pressing || (sliding && event.key.length > 1)) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  acts(event) {
    const { view, moving } = this;
    const pan = (x, y, otherwise) => (view.zoom > 1 && event.shiftKey ? () => view.pan(x, y) : otherwise);
    return {
      " ": moving && (() => this.toggle()),
      ArrowLeft: pan(0.1, 0, moving && (() => this.step(-1))),
      ArrowRight: pan(-0.1, 0, moving && (() => this.step(1))),
      ArrowUp: pan(0, 0.1),
      ArrowDown: pan(0, -0.1),
      ",": moving && (() => this.step(-1)),
      ".": moving && (() => this.step(1)),
      Home: moving && (() => this.stopAt(1)),
      End: moving && (() => this.stopAt(this.frames)),
      "+": () => view.zoomBy(1.25),
      "=": () => view.zoomBy(1.25),
      "-": () => view.zoomBy(0.8),
      0: () => view.reset(),
      b: () => view.brighten("brightness", event.shiftKey ? -10 : 10),
      k: () => view.brighten("contrast", event.shiftKey ? -10 : 10),
      f: () => this.fill(),
      m: () => this.marks.toggle(),
      r: () => this.ruler.toggle(),
      s: this.sound && (() => this.turnSound()),
    };
  }
}
