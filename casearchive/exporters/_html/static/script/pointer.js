/* Pointing at places of a picture, with mouse, finger or keyboard: the ruler and the questions "where?" use it. A
   cross that the arrow keys move stands for the mouse; Enter sets a point, Escape ends. */

class Pointer {
  constructor(player) {
    this.player = player;
    this.layer = drawingLayer(player, "pointing");
    this.cross = make("div", { className: "cross", hidden: "" });
    player.pane.append(this.layer, this.cross);
    this.readout = player.root.querySelector(".readout");
    this.active = null;
    player.stage.addEventListener("click", (event) => this.active && this.clicked(event));
  }

  /* `taken(point, drawn)` hears of each point; `ended` of the end. */
  begin(who) {
    if (this.active) this.end();
    this.active = who;
    this.at = [(this.player.columns - 1) / 2, (this.player.rows - 1) / 2];
    this.player.stage.classList.add("aiming");
    this.cross.hidden = true;
    this.player.pause();
  }

  end() {
    const who = this.active;
    this.active = null;
    this.player.stage.classList.remove("aiming");
    this.cross.hidden = true;
    if (who) who.ended();
  }

  say(text) {
    this.readout.textContent = text;
  }

  clicked(event) {
    const box = this.player.pane.getBoundingClientRect();
    const { columns, rows } = this.player;
    this.cross.hidden = true;
    this.at = [
      ((event.clientX - box.left) / box.width) * columns - 0.5,
      ((event.clientY - box.top) / box.height) * rows - 0.5,
    ];
    this.active.taken(this.at);
  }

  /* Whether the key was for the pointer. */
  pressed(event) {
    if (!this.active) return false;
    const far = event.shiftKey ? 1 : 10;
    const move = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    if (move) this.move(move);
    else if (event.key === "Enter") {
      if (this.cross.hidden) this.move([0, 0]);
      else this.active.taken(this.at);
    } else if (event.key === "Escape") this.end();
    else return false;
    return true;
  }

  move([x, y]) {
    const { columns, rows } = this.player;
    this.at = [clamp(this.at[0] + x, 0, columns - 1), clamp(this.at[1] + y, 0, rows - 1)];
    this.cross.hidden = false;
    this.cross.style.left = `${(100 * (this.at[0] + 0.5)) / columns}%`;
    this.cross.style.top = `${(100 * (this.at[1] + 0.5)) / rows}%`;
  }

  draw(kind, points) {
    this.layer.replaceChildren(drawMark({ kind, points, colour: "own" }, this.player));
  }

  add(kind, points, colour) {
    this.layer.append(drawMark({ kind, points, colour }, this.player));
  }

  clear() {
    this.layer.replaceChildren();
  }
}
