/* Two clips side by side and moving together: left and right, rest and contraction, before and after. The players
   themselves move into the dialog, so every key and button works there as it does on the page. */

class Compare {
  constructor(players) {
    this.players = players;
    this.dialog = document.getElementById("compare");
    if (!this.dialog) return;
    this.together = this.dialog.querySelector(".together");
    this.by = this.dialog.querySelector(".together-by");
    this.dialog.querySelector(".close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.putBack());
    this.together.addEventListener("change", () => this.fix());
    this.by.addEventListener("change", () => this.fix());
    players.forEach((player) => {
      player.tell((number) => this.follow(player, number));
      player.root.addEventListener("looked", (event) => this.look(player, event.detail));
      for (const act of ["pointerdown", "keydown"])
        player.root.addEventListener(act, () => (this.leader = this.pair?.includes(player) ? player : this.leader), true);
    });
  }

  open(one, other) {
    const pair = [one, other].map((number) => this.players.find((p) => p.figure === number));
    if (!this.dialog || pair.some((player) => !player) || pair[0] === pair[1]) return;
    this.pair = pair;
    this.opener = document.activeElement;
    this.places = pair.map((player) => {
      player.pause();
      player.touched = true;
      const place = make("div", { className: "away" });
      player.root.replaceWith(place);
      return place;
    });
    const sides = pair.map((player, n) => {
      const told = this.places[n].closest("figure").querySelector(".told-by").cloneNode(true);
      return make("div", { className: "side" }, player.root, told);
    });
    this.dialog.querySelector(".sides").replaceChildren(...sides);
    const moving = pair.filter((player) => player.moving);
    this.leader = moving[0] || pair[0];
    this.dialog.querySelector(".how-together").hidden = moving.length < 2;
    this.by.value = moving.every((player) => player.data.known) ? "time" : "part";
    this.together.checked = true;
    this.fix();
    this.dialog.showModal();
    this.leader.root.focus();
  }

  other(player) {
    return this.pair[0] === player ? this.pair[1] : this.pair[0];
  }

  /* From here on they move together: what is seen side by side now belongs together. */
  fix() {
    if (!this.pair) return;
    const [one, other] = this.pair;
    this.offset = this.place(other, other.shown) - this.place(one, one.shown);
  }

  place(player, number) {
    if (!player.moving) return 0;
    return this.by.value === "time" ? player.secondsTo(number) : (number - 1) / (player.frames - 1);
  }

  frame(player, place) {
    if (this.by.value === "time") return player.frameAt(place);
    return Math.round(clamp(place, 0, 1) * (player.frames - 1)) + 1;
  }

  follow(player, number) {
    if (!this.pair || player !== this.leader || !this.together.checked) return;
    const other = this.other(player);
    if (!other.moving) return;
    const offset = player === this.pair[0] ? this.offset : -this.offset;
    const wanted = this.frame(other, this.place(player, number) + offset);
    if (other.playing) other.pause();
    if (wanted !== other.shown) other.seek(wanted);
  }

  look(player, how) {
    if (this.pair?.includes(player) && this.together.checked) this.other(player).view.copy(how);
  }

  putBack() {
    if (!this.pair) return;
    this.pair.forEach((player, n) => {
      player.pause();
      this.places[n].replaceWith(player.root);
    });
    this.pair = null;
    this.dialog.querySelector(".sides").replaceChildren();
    if (this.opener) this.opener.focus();
  }
}
