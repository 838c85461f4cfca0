/* What is drawn over a frame: the evidence of findings and the lines of measurements, each on its own frames. The
   drawing's coordinates are stored pixels, whose whole numbers are centres: the picture begins at -0.5. */

class Marks {
  constructor(player) {
    this.player = player;
    this.marks = [];
    this.layer = drawingLayer(player, "marks");
    this.badges = make("div", { className: "badges" });
    player.pane.append(this.layer, this.badges);
    this.button = player.root.querySelector(".marks-toggle");
    this.button.addEventListener("click", () => this.toggle());
    player.tell((number) => this.show(number));
  }

  set(marks) {
    const { player } = this;
    this.marks = marks.map((mark) => ({ ...mark, group: drawMark(mark, player), sign: badge(mark, player) }));
    this.layer.replaceChildren(...this.marks.map((mark) => mark.group));
    this.badges.replaceChildren(...this.marks.map((mark) => mark.sign));
    this.button.hidden = marks.length === 0;
    if (marks.length) player.root.classList.remove("fresh");
    this.show(player.shown);
  }

  show(number) {
    for (const { frames, group, sign } of this.marks) {
      const off = Boolean(frames) && (number < frames[0] || number > frames[1]);
      group.classList.toggle("off", off);
      sign.classList.toggle("off", off);
    }
  }

  get on() {
    return this.button.getAttribute("aria-pressed") === "true";
  }

  toggle() {
    if (this.button.hidden) return;
    const on = !this.on;
    this.button.setAttribute("aria-pressed", String(on));
    this.player.stage.classList.toggle("bare", !on);
  }

  pointOut(finding) {
    if (!this.on) this.toggle();
    for (const mark of this.marks) {
      mark.group.classList.remove("pulse");
      if (String(mark.finding) !== String(finding)) continue;
      mark.group.getBoundingClientRect(); /* lets the same animation start again */
      mark.group.classList.add("pulse");
    }
  }
}

function drawingLayer(player, name) {
  const layer = document.createElementNS(SVG, "svg");
  layer.setAttribute("class", name);
  layer.setAttribute("viewBox", `-0.5 -0.5 ${player.columns} ${player.rows}`);
  layer.setAttribute("preserveAspectRatio", "none");
  layer.setAttribute("aria-hidden", "true");
  return layer;
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
  } else if (mark.kind === "polygon") [x, y] = mark.points.reduce((a, b) => (b[0] + b[1] < a[0] + a[1] ? b : a));
  sign.style.left = `${clamp((100 * (x + 0.5)) / player.columns, 2, 98)}%`;
  sign.style.top = `${clamp((100 * (y + 0.5)) / player.rows, 3, 97)}%`;
  return sign;
}
