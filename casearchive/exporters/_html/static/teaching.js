/* The case page: cine that steps and plays at its true speed, and answers that open when they are asked for.
   Runs from disk: no fetch, no modules, no libraries. Frames count from 1. */
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  /* ---------------------------------------------------------------------------------------- the player */

  class Player {
    constructor(root) {
      const data = root.dataset;
      this.root = root;
      this.frames = Number(data.frames);
      this.key = Number(data.key);
      this.fps = Number(data.fps);
      this.steps = data.steps ? data.steps.split(" ").map(Number) : null;
      this.columns = Number(data.columns);
      this.rows = Number(data.rows);
      this.name = (number) => `${data.base}${String(number).padStart(Number(data.digits), "0")}.webp`;
      this.stage = root.querySelector(".stage");
      this.still = root.querySelector(".still");
      this.moving = this.frames > 1;
      this.images = new Map([[this.key, this.still]]);
      this.wanted = this.key;
      this.shown = this.key;
      this.playing = false;
      this.touched = false;
      this.marks = [];
      root.style.setProperty("--ratio", this.still.width / this.still.height);
      this.layer = this.stage.appendChild(this.drawingLayer());
      this.badges = this.stage.appendChild(document.createElement("div"));
      this.badges.className = "badges";
      this.markSwitch = root.querySelector(".marks-toggle");
      this.markSwitch.addEventListener("click", () => this.toggleMarks());
      const fill = root.querySelector(".fill");
      fill.hidden = !document.fullscreenEnabled;
      fill.addEventListener("click", () => this.fill());
      root.addEventListener("keydown", (event) => this.pressed(event));
      root.dataset.frame = this.key;
      if (this.moving) this.makeMoving();
    }

    makeMoving() {
      this.canvas = document.createElement("canvas");
      this.canvas.width = this.still.width;
      this.canvas.height = this.still.height;
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", this.root.getAttribute("aria-label"));
      this.canvas.hidden = true;
      this.still.after(this.canvas);
      this.pen = this.canvas.getContext("2d");
      this.still.addEventListener("load", () => this.key === this.wanted && this.draw(this.key));
      const find = (selector) => this.root.querySelector(selector);
      this.button = find(".play");
      this.scrub = find(".scrub");
      this.now = find(".now");
      this.speed = find(".speed");
      this.bands = find(".track").appendChild(document.createElement("div"));
      this.bands.className = "bands";
      this.button.addEventListener("click", () => this.toggle());
      this.stage.addEventListener("click", () => {
        this.root.focus({ preventScroll: true });
        this.toggle();
      });
      find(".back").addEventListener("click", () => this.step(-1));
      find(".on").addEventListener("click", () => this.step(1));
      this.scrub.addEventListener("input", () => this.stopAt(Number(this.scrub.value)));
      this.root.classList.add("fresh");
    }

    /* The picture of one frame; loaded once, drawn when it has arrived and is still the one wanted. */
    image(number) {
      let image = this.images.get(number);
      if (!image) {
        image = new Image();
        image.addEventListener("load", () => number === this.wanted && this.draw(number));
        image.addEventListener("error", () => this.stage.classList.add("broken"));
        image.src = this.name(number);
        this.images.set(number, image);
      }
      return image;
    }

    ready(number) {
      const image = this.image(number);
      return image.complete && image.naturalWidth > 0;
    }

    seek(number) {
      if (!this.moving) return;
      this.wanted = clamp(number, 1, this.frames);
      if (this.ready(this.wanted)) this.draw(this.wanted);
    }

    draw(number) {
      this.pen.drawImage(this.image(number), 0, 0, this.canvas.width, this.canvas.height);
      this.canvas.hidden = false;
      this.still.classList.add("behind");
      this.shown = number;
      const told = `frame ${number} of ${this.frames}`;
      this.scrub.value = number;
      this.scrub.setAttribute("aria-valuetext", told);
      this.now.textContent = number;
      this.root.dataset.frame = number;
      this.showMarks();
    }

    stopAt(number) {
      this.touched = true;
      this.pause();
      this.seek(number);
    }

    step(by) {
      this.stopAt(((this.wanted - 1 + by + this.frames) % this.frames) + 1);
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
      this.button.setAttribute("aria-label", "Pause");
      this.position = this.shown - 1;
      this.last = null;
      requestAnimationFrame((time) => this.tick(time));
    }

    pause() {
      if (!this.moving) return;
      this.playing = false;
      this.root.classList.remove("playing", "fresh");
      this.button.setAttribute("aria-label", "Play");
    }

    /* Time decides which frame is due, so a slow computer drops frames instead of slowing the patient down;
       only a frame that has not been read from disk yet makes the clip wait. */
    tick(time) {
      if (!this.playing) return;
      const passed = this.last === null ? 0 : Math.min(time - this.last, 250) / 1000;
      this.last = time;
      const due = this.due(passed * Number(this.speed.value));
      const number = Math.floor(due) + 1;
      if (number === this.shown) this.position = due;
      else if (this.ready(number)) {
        this.position = due;
        this.wanted = number;
        this.draw(number);
      }
      for (let ahead = 1; ahead <= 8; ahead += 1) this.image(((number - 1 + ahead) % this.frames) + 1);
      requestAnimationFrame((next) => this.tick(next));
    }

    /* The position (0-based, with the part of the frame that has passed) after so many seconds; frames that came
       unevenly stay as long as they stayed on the scanner. */
    due(seconds) {
      if (!this.steps) return (this.position + seconds * this.fps) % this.frames;
      let position = this.position;
      let left = seconds;
      while (left > 0) {
        const frame = Math.floor(position) % this.frames;
        const lasts = Math.max(this.steps[frame], 0.001);
        const rest = (1 - (position - Math.floor(position))) * lasts;
        if (left < rest) return (position + left / lasts) % this.frames;
        left -= rest;
        position = Math.floor(position) + 1;
      }
      return position % this.frames;
    }

    fill() {
      if (document.fullscreenElement) document.exitFullscreen();
      else if (document.fullscreenEnabled) this.root.requestFullscreen().catch(() => {});
    }

    pressed(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const on = event.target;
      if (on.tagName === "SELECT") return;
      const pressing = on.tagName === "BUTTON" && (event.key === " " || event.key === "Enter");
      const sliding = on === this.scrub && event.key !== " ";
      const acts = {
        " ": this.moving && (() => this.toggle()),
        ArrowLeft: this.moving && (() => this.step(-1)),
        ArrowRight: this.moving && (() => this.step(1)),
        Home: this.moving && (() => this.stopAt(1)),
        End: this.moving && (() => this.stopAt(this.frames)),
        f: () => this.fill(),
        m: () => !this.markSwitch.hidden && this.toggleMarks(),
      };
      const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act || pressing || (sliding && event.key.length > 1)) return;
      event.preventDefault();
      act();
    }

    /* ------------------------------------------------------------------------------------- its marks */

    drawingLayer() {
      const layer = document.createElementNS(SVG, "svg");
      layer.setAttribute("class", "marks");
      layer.setAttribute("viewBox", `0 0 ${this.columns} ${this.rows}`);
      layer.setAttribute("preserveAspectRatio", "none");
      layer.setAttribute("aria-hidden", "true");
      return layer;
    }

    setMarks(marks) {
      this.marks = marks.map((mark) => ({ ...mark, group: drawMark(mark, this), sign: badge(mark, this) }));
      this.layer.replaceChildren(...this.marks.map((mark) => mark.group));
      this.badges.replaceChildren(...this.marks.map((mark) => mark.sign));
      this.markSwitch.hidden = marks.length === 0;
      if (marks.length) this.root.classList.remove("fresh");
      if (this.moving) this.setBands(marks);
      this.showMarks();
    }

    setBands(marks) {
      const seen = new Set();
      const ranges = marks.filter((mark) => {
        const name = mark.frames && `${mark.colour} ${mark.frames}`;
        return mark.frames && !seen.has(name) && seen.add(name);
      });
      const share = (frame) => (100 * frame) / Math.max(1, this.frames - 1);
      this.bands.replaceChildren(
        ...ranges.map((mark) => {
          const band = document.createElement("span");
          const [first, last] = mark.frames;
          band.className = `band mark-${mark.colour}`;
          band.style.left = `${share(clamp(first - 1.5, 0, this.frames - 1))}%`;
          band.style.right = `${100 - share(clamp(last - 0.5, 0, this.frames - 1))}%`;
          return band;
        }),
      );
    }

    showMarks() {
      for (const { frames, group, sign } of this.marks) {
        const off = Boolean(frames) && (this.shown < frames[0] || this.shown > frames[1]);
        group.classList.toggle("off", off);
        sign.classList.toggle("off", off);
      }
    }

    toggleMarks() {
      const on = this.markSwitch.getAttribute("aria-pressed") !== "true";
      this.markSwitch.setAttribute("aria-pressed", String(on));
      this.stage.classList.toggle("bare", !on);
    }

    pointOut(finding) {
      if (this.markSwitch.getAttribute("aria-pressed") !== "true") this.toggleMarks();
      for (const mark of this.marks) {
        mark.group.classList.remove("pulse");
        if (String(mark.finding) !== String(finding)) continue;
        mark.group.getBoundingClientRect(); /* lets the same animation start again */
        mark.group.classList.add("pulse");
      }
    }
  }

  /* One mark as SVG, twice: a dark halo under a bright line, so that it shows on black and on white. */
  function drawMark(mark, player) {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("class", `mark mark-${mark.colour} kind-${mark.kind}`);
    for (const layer of ["halo", "line"]) {
      const shape = document.createElementNS(SVG, mark.kind === "ellipse" ? "ellipse" : "path");
      shape.setAttribute("class", layer);
      if (mark.kind === "ellipse") {
        const [[cx, cy], [rx, ry], [angle]] = mark.points;
        Object.entries({ cx, cy, rx, ry }).forEach(([name, value]) => shape.setAttribute(name, value));
        shape.setAttribute("transform", `rotate(${angle} ${cx} ${cy})`);
      } else shape.setAttribute("d", outline(mark, player));
      group.append(shape);
    }
    return group;
  }

  function outline({ kind, points }, player) {
    const unit = Math.max(player.columns, player.rows) / 90;
    if (kind === "point") {
      const [x, y] = points[0];
      return `M${x - unit} ${y}h${2 * unit}M${x} ${y - unit}v${2 * unit}`;
    }
    const line = `M${points.map((point) => point.join(" ")).join("L")}`;
    if (kind === "polygon") return `${line}Z`;
    if (kind !== "ruler") return line;
    const [[ax, ay], [bx, by]] = points;
    const length = Math.hypot(bx - ax, by - ay) || 1;
    const [tx, ty] = [(-(by - ay) / length) * unit, ((bx - ax) / length) * unit];
    const tick = (x, y) => `M${x - tx} ${y - ty}L${x + tx} ${y + ty}`;
    return line + tick(ax, ay) + tick(bx, by);
  }

  /* The number of the finding, or the measured value, as text of a size that does not depend on the zoom. */
  function badge(mark, player) {
    const sign = document.createElement("span");
    const ruler = mark.kind === "ruler";
    sign.className = `sign mark-${mark.colour} kind-${mark.kind}`;
    sign.textContent = mark.badge;
    sign.title = mark.label;
    let [x, y] = mark.points[0];
    if (mark.kind === "ellipse") [x, y] = [x, y - Math.max(...mark.points[1])];
    else if (ruler) {
      /* off the middle of a lying line and beside a standing one: two crossed rulers stay readable */
      const [across, down] = [mark.points[1][0] - x, mark.points[1][1] - y];
      const upright = Math.abs(down) > Math.abs(across);
      [x, y] = upright ? [x + across / 2, y + down / 2] : [x + across / 4, y + down / 4];
      sign.classList.toggle("upright", upright);
    }
    else if (mark.kind === "polygon") [x, y] = mark.points.reduce((a, b) => (b[0] + b[1] < a[0] + a[1] ? b : a));
    sign.style.left = `${clamp((100 * x) / player.columns, 2, 98)}%`;
    sign.style.top = `${clamp((100 * y) / player.rows, 3, 97)}%`;
    return sign;
  }

  /* One clip at a time starts by itself: the first that can be seen whole and that nobody has touched. */
  function startBySight(players) {
    const seen = new Set();
    let started = null;
    const watcher = new IntersectionObserver(
      (changes) => {
        for (const { target, isIntersecting } of changes) isIntersecting ? seen.add(target) : seen.delete(target);
        const next = calm.matches ? null : players.find((p) => p.moving && !p.touched && seen.has(p.stage));
        if (started && started !== next && !started.touched) started.pause();
        started = next;
        if (next) next.play();
        for (const player of players) if (player.playing && player.touched && !seen.has(player.stage)) player.pause();
      },
      { threshold: 0.6 },
    );
    players.forEach((player) => watcher.observe(player.stage));
  }

  /* ---------------------------------------------------------------------------------------- the answer */

  function unseal() {
    const bytes = atob(document.getElementById("sealed").textContent);
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0))));
  }

  class Answer {
    constructor(players) {
      this.players = players;
      this.sections = all(".sealed");
      this.shown = new Set();
      this.button = document.querySelector(".reveal");
      this.title = document.getElementById("title");
      this.quizTitle = this.title.textContent;
      this.button.addEventListener("click", () => this.show(this.complete() ? [] : this.names()));
      for (const section of this.sections)
        section.querySelector("button").addEventListener("click", () => this.turn(section.dataset.section));
      let before = null;
      addEventListener("beforeprint", () => {
        before = [...this.shown];
        this.show(this.names());
        players.forEach((player) => player.moving && (player.pause(), player.seek(player.key)));
      });
      addEventListener("afterprint", () => this.show(before || []));
    }

    names() {
      return this.sections.map((section) => section.dataset.section);
    }

    complete() {
      return this.shown.size === this.sections.length;
    }

    turn(name) {
      const next = new Set(this.shown);
      if (!next.delete(name)) next.add(name);
      this.show(next);
    }

    show(names) {
      this.shown = new Set(names);
      const answers = unseal();
      for (const section of this.sections) {
        const open = this.shown.has(section.dataset.section);
        const body = section.querySelector(".section-body");
        if (open && !body.firstChild) body.innerHTML = answers.sections[section.dataset.section];
        if (!open) body.replaceChildren();
        body.hidden = !open;
        section.querySelector("button").setAttribute("aria-expanded", String(open));
      }
      const complete = this.complete();
      this.button.setAttribute("aria-expanded", String(complete));
      this.button.textContent = complete ? "Hide the answer" : "Show the answer";
      document.body.classList.toggle("revealed", complete);
      this.tellTitle(this.shown.has("diagnosis") ? answers.title : this.quizTitle);
      this.tellPictures(complete || this.shown.has("findings") ? answers : null);
      if (complete) questions.forEach((question) => question.tell());
    }

    tellTitle(title) {
      this.title.textContent = title;
      document.title = title;
      document.getElementById("asked-as").hidden = title === this.quizTitle;
    }

    tellPictures(answers) {
      for (const player of this.players) {
        const number = player.root.dataset.figure;
        const figure = player.root.closest("figure");
        const caption = figure.querySelector(".true-caption");
        const told = answers ? answers.captions[number] : { text: "", structure: "" };
        caption.textContent = [told.structure && `${told.structure}.`, told.text].filter(Boolean).join(" ");
        caption.hidden = !caption.textContent;
        figure.classList.toggle("told", Boolean(told.text));
        player.setMarks(answers ? answers.marks[number] : []);
      }
      all(".after-answer").forEach((element) => (element.hidden = !answers));
    }
  }

  /* ------------------------------------------------------------------------------------- the questions */

  class Question {
    constructor(root) {
      this.root = root;
      this.number = Number(root.dataset.question) - 1;
      this.feedback = root.querySelector(".feedback");
      this.options = all("input", root);
      this.options.forEach((option) => option.addEventListener("change", () => this.judge(option)));
      const tell = root.querySelector(".tell");
      if (tell) tell.addEventListener("click", () => this.tell());
    }

    judge(option) {
      const { answer, why } = unseal().quiz[this.number];
      this.clear();
      if (answer === null) this.say("", "", why);
      else if (Number(option.value) === answer) {
        option.closest("label").classList.add("right");
        this.say("right", "Right.", why);
      } else {
        option.closest("label").classList.add("wrong");
        this.say("wrong", "Not quite.", "Try another, or show the answer.");
      }
    }

    tell() {
      const { answer, why } = unseal().quiz[this.number];
      this.clear();
      const right = this.options.find((option) => Number(option.value) === answer);
      if (right) right.closest("label").classList.add("right");
      this.say("right", right ? `Answer: ${right.closest("label").textContent.trim()}.` : "", why);
    }

    clear() {
      this.options.forEach((option) => option.closest("label").classList.remove("right", "wrong"));
    }

    say(kind, verdict, why) {
      const strong = document.createElement("strong");
      strong.textContent = verdict;
      this.feedback.className = `feedback ${kind}`;
      this.feedback.replaceChildren(strong, verdict && why ? " " : "", why);
    }
  }

  /* A "Clip 2, frames 12–27" button: goes there, stops there, and offers the way back. */
  function look(players, button) {
    const player = players.find((p) => p.root.dataset.figure === button.dataset.figure);
    player.touched = true;
    player.pause();
    player.seek(Number(button.dataset.frame));
    if (button.dataset.finding) player.pointOut(button.dataset.finding);
    const caption = player.root.closest("figure").querySelector("figcaption");
    let back = caption.querySelector(".return");
    if (!back) {
      back = document.createElement("button");
      back.type = "button";
      caption.append(back);
    }
    back.className = "return";
    back.textContent = "Back to where I was";
    back.onclick = () => {
      back.remove();
      button.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
      button.focus({ preventScroll: true });
    };
    player.root.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
    player.root.focus({ preventScroll: true });
  }

  document.documentElement.classList.add("scripted");
  const players = all(".player").map((root) => new Player(root));
  const questions = all(".question").map((root) => new Question(root));
  new Answer(players);
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".look");
    if (button) look(players, button);
  });
  startBySight(players);
})();
