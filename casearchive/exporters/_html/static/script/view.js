/* How a picture is looked at: zoom, pan, brightness, contrast. The picture is laid out larger, not stretched, so that
   marks keep thin lines and badges their size. Nothing of it changes the picture itself. */

class View {
  constructor(player) {
    this.player = player;
    this.zoom = 1;
    this.at = [0, 0]; /* the left upper corner of the pane, in parts of the stage: 0 down to 1 - zoom */
    this.light = { brightness: 100, contrast: 100 };
    const find = (selector) => player.root.querySelector(selector);
    find(".zoom-in").addEventListener("click", () => this.zoomBy(1.25));
    find(".zoom-out").addEventListener("click", () => this.zoomBy(0.8));
    find(".as-it-was").addEventListener("click", () => this.reset());
    this.told = find(".zoom-told");
    this.sliders = { brightness: find(".brightness"), contrast: find(".contrast") };
    for (const [name, slider] of Object.entries(this.sliders))
      slider.addEventListener("input", () => this.setLight(name, Number(slider.value)));
    this.listen(player.stage);
  }

  listen(stage) {
    const fingers = new Map();
    stage.addEventListener("pointerdown", (event) => {
      this.dragged = false;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    stage.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = [event.clientX, event.clientY];
      const other = [...fingers].find(([id]) => id !== event.pointerId);
      if (!other && (this.zoom === 1 || this.player.pointer.active)) return;
      if (!this.dragged && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
      this.dragged = true;
      fingers.set(event.pointerId, now);
      if (other) {
        const apart = (point) => Math.hypot(point[0] - other[1][0], point[1] - other[1][1]);
        this.zoomBy(apart(now) / Math.max(1, apart(before)), (now[0] + other[1][0]) / 2, (now[1] + other[1][1]) / 2);
      } else this.pan((now[0] - before[0]) / stage.clientWidth, (now[1] - before[1]) / stage.clientHeight);
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"])
      stage.addEventListener(end, (event) => fingers.delete(event.pointerId));
    stage.addEventListener("dragstart", (event) => event.preventDefault());
    stage.addEventListener("wheel", (event) => this.rolled(event), { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (this.player.pointer.active) return;
      if (this.zoom > 1) this.setZoom(1);
      else this.zoomBy(2, event.clientX, event.clientY);
    });
  }

  /* The wheel belongs to the page, unless Ctrl is held (which is also what pinching on a touchpad sends). */
  rolled(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY / 200), event.clientX, event.clientY);
  }

  /* Around a place of the window, or the middle of the stage. */
  zoomBy(factor, clientX, clientY) {
    const box = this.player.stage.getBoundingClientRect();
    const place = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    this.setZoom(this.zoom * factor, clientX === undefined ? [0.5, 0.5] : place);
  }

  setZoom(wanted, [x, y] = [0.5, 0.5]) {
    const zoom = clamp(wanted < 1.02 ? 1 : wanted, 1, 8);
    const factor = zoom / this.zoom;
    this.at = [x - (x - this.at[0]) * factor, y - (y - this.at[1]) * factor];
    this.zoom = zoom;
    this.lay();
  }

  pan(x, y) {
    this.at = [this.at[0] + x, this.at[1] + y];
    this.lay();
  }

  lay() {
    const { pane, stage, root } = this.player;
    this.at = this.at.map((place) => clamp(place, 1 - this.zoom, 0));
    pane.style.width = pane.style.height = `${100 * this.zoom}%`;
    pane.style.left = `${100 * this.at[0]}%`;
    pane.style.top = `${100 * this.at[1]}%`;
    stage.classList.toggle("zoomed", this.zoom > 1);
    this.told.textContent = `${Math.round(100 * this.zoom)} %`;
    root.dispatchEvent(new CustomEvent("looked", { detail: { zoom: this.zoom, at: this.at } }));
  }

  /* As another player is looked at, when two are compared. */
  copy({ zoom, at }) {
    if (zoom === this.zoom && at[0] === this.at[0] && at[1] === this.at[1]) return;
    Object.assign(this, { zoom, at });
    this.lay();
  }

  brighten(name, by) {
    this.setLight(name, this.light[name] + by);
  }

  setLight(name, value) {
    const slider = this.sliders[name];
    this.light[name] = clamp(value, Number(slider.min), Number(slider.max));
    slider.value = this.light[name];
    slider.setAttribute("aria-valuetext", `${this.light[name]} %`);
    const { brightness, contrast } = this.light;
    const plain = brightness === 100 && contrast === 100;
    this.player.pane.style.setProperty("--light", plain ? "none" : `brightness(${brightness}%) contrast(${contrast}%)`);
  }

  reset() {
    this.setZoom(1);
    this.setLight("brightness", 100);
    this.setLight("contrast", 100);
  }
}
