/* A ruler in millimetres that is true or refuses: both points must lie in one two-dimensional ultrasound region whose
   scale is in centimetres and believed (PS3.3 C.8.5.5). Regions come in the order in which they own a pixel. */

class Ruler {
  constructor(player) {
    this.player = player;
    this.button = player.root.querySelector(".ruler");
    this.button.addEventListener("click", () => this.toggle());
    this.points = [];
  }

  toggle() {
    const { pointer } = this.player;
    if (pointer.active === this) {
      pointer.end();
      return;
    }
    pointer.begin(this);
    this.points = [];
    this.button.setAttribute("aria-pressed", "true");
    this.player.root.focus({ preventScroll: true });
    const why = this.player.data.regions.length ? "" : this.nowhere();
    pointer.say(why || say("ruler"));
  }

  ended() {
    this.button.setAttribute("aria-pressed", "false");
    this.player.pointer.clear();
    this.player.pointer.say("");
  }

  nowhere() {
    return say("no_scale");
  }

  region([x, y]) {
    const within = ({ box: [x0, y0, x1, y1] }) => x >= x0 - 0.5 && x <= x1 + 0.5 && y >= y0 - 0.5 && y <= y1 + 0.5;
    return this.player.data.regions.find(within);
  }

  taken(point) {
    const { pointer } = this.player;
    const region = this.region(point);
    if (this.points.length === 2) this.points = [];
    const refusal = this.refusal(region);
    if (refusal) {
      this.points = [];
      pointer.draw("point", [point]);
      pointer.say(refusal);
      return;
    }
    this.points.push(point);
    if (this.points.length === 1) {
      this.from = region;
      pointer.draw("point", this.points);
      pointer.say(say("first_point"));
    } else {
      pointer.draw("ruler", this.points);
      pointer.say(this.length());
    }
  }

  refusal(region) {
    if (!this.player.data.regions.length) return this.nowhere();
    if (!region) return say("outside");
    if (region.why) return say("no_length", { why: region.why });
    if (this.points.length === 1 && region !== this.from)
      return say("two_regions");
    return "";
  }

  length() {
    const [[ax, ay], [bx, by]] = this.points;
    const [across, down] = this.from.mm;
    const length = Math.hypot((bx - ax) * across, (by - ay) * down);
    return `${length.toFixed(length < 100 ? 1 : 0).replace(".", LABELS.decimal)} mm`;
  }
}
