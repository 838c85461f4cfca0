/* Questions: several choices of which the first that is checked counts, and "where is it?", scored by frame and place. */

class Question {
  constructor(root, players, kept) {
    Object.assign(this, { root, players, kept });
    this.number = Number(root.dataset.question) - 1;
    this.feedback = root.querySelector(".feedback");
    this.options = all("input", root);
    this.check = root.querySelector(".check");
    if (this.check) {
      this.check.addEventListener("click", () => this.judge());
      this.options.forEach((option) =>
        option.addEventListener("keydown", (event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          this.judge();
        }),
      );
    }
    const tell = root.querySelector(".tell");
    if (tell) tell.addEventListener("click", () => this.tell());
    const place = root.querySelector(".place-it");
    if (place) place.addEventListener("click", () => this.ask());
    this.placed = root.querySelector(".placed");
    this.restore();
  }

  restore() {
    const before = this.kept.of().quiz?.[this.number];
    if (before) this.say("", say(before[0] ? "before_right" : "before_wrong"), "");
  }

  /* Arrow keys walk through the choices, so a choice counts only when it is checked. */
  judge() {
    const chosen = this.options.find((option) => option.checked);
    if (!chosen) {
      this.say("", say("choose_first"), "");
      return;
    }
    const { answer, why, reasons } = unseal("sealed").quiz[this.number];
    this.clear();
    if (answer === null) {
      this.reason(reasons);
      this.say("", "", why);
      return;
    }
    const right = Number(chosen.value) === answer;
    this.first("quiz", right ? 1 : 0, 1);
    chosen.closest("label").classList.add(right ? "right" : "wrong");
    this.reason(reasons, right ? null : chosen);
    if (right) this.say("right", say("right"), why);
    else this.say("wrong", say("wrong"), say("another"));
  }

  /* Only the first answer counts, and none that was given after it was told. */
  first(kind, got, of) {
    const before = this.kept.of()[kind] || {};
    if (!this.told && !before[this.number]) this.kept.note({ [kind]: { ...before, [this.number]: [got, of] } });
  }

  tell() {
    const { answer, why, reasons } = unseal("sealed").quiz[this.number];
    this.told = true;
    this.clear();
    this.reason(reasons);
    const right = this.options.find((option) => Number(option.value) === answer);
    if (right) right.closest("label").classList.add("right");
    this.say("right", right ? say("the_answer", { what: right.nextElementSibling.textContent.trim() }) : "", why);
  }

  clear() {
    this.options.forEach((option) => option.closest("label").classList.remove("right", "wrong"));
    all(".reason", this.root).forEach((told) => told.remove());
  }

  /* Why each choice is right or wrong, or why only this one is. */
  reason(reasons, only = null) {
    this.options.forEach((option, at) => {
      if (reasons[at] && (!only || only === option))
        option.closest("label").append(make("span", { className: "reason", dir: "auto" }, reasons[at]));
    });
  }

  say(kind, verdict, why) {
    this.feedback.className = `feedback ${kind}`;
    this.feedback.replaceChildren(make("strong", {}, verdict), verdict && why ? " " : "", why);
  }

  /* ------------------------------------------------------------------------------------------- where it is */

  ask() {
    const { figure } = unseal("sealed").quiz[this.number].place;
    this.player = this.players.find((player) => player.figure === figure);
    const { pointer, root, moving } = this.player;
    this.player.touched = true;
    pointer.begin(this);
    pointer.say(`${say(moving ? "stop_and_click" : "click")} ${say("by_keyboard")}`);
    root.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
    root.focus({ preventScroll: true });
  }

  ended() {
    this.player.pointer.say("");
  }

  taken(point) {
    const { place, why } = unseal("sealed").quiz[this.number];
    const { player } = this;
    const best = place.targets
      .map((target) => ({ ...judged(target, point, player), target }))
      .reduce((one, other) => (other.points > one.points ? other : one));
    const of = player.moving && place.targets.some((target) => target.frames) ? 2 : 1;
    this.first("place", of === 2 ? best.points : best.points - 1, of);
    player.pointer.draw("point", [point]);
    player.pointer.add(best.target.kind, best.target.points, 1);
    player.pointer.active = null;
    player.pointer.end();
    this.placed.replaceChildren(make("strong", {}, best.place), of === 2 ? ` ${best.frame}` : "");
    if (why && !this.options.length) this.placed.append(` ${why}`);
    this.placed.className = `feedback placed ${best.points === 2 ? "right" : "wrong"}`;
    this.placed.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
    this.placed.focus({ preventScroll: true });
  }
}

/* A mark beside one target: a point for the place, within a fiftieth of the picture (a twentieth where the author gave
   no area), and a point for the frame. */
function judged({ frames, kind, points }, point, player) {
  const size = Math.max(player.columns, player.rows);
  const off = distanceTo(point, { kind, points });
  const area = kind === "polygon" || kind === "ellipse";
  const near = off <= size * (area ? 0.02 : 0.05);
  const timely = !frames || (player.shown >= frames[0] && player.shown <= frames[1]);
  const [first, last] = frames || [];
  const beside = { first, last, yours: player.shown };
  return {
    points: Number(near) + Number(timely),
    place: say(near ? "place_right" : off <= size * 0.12 ? "place_near" : "place_wrong"),
    frame: timely ? say("frame_right") : say(first === last ? "frame_wrong" : "frames_wrong", beside),
  };
}

/* The reader's own answer in words, kept beside the true one; how near it came the reader says. */
function ownAnswer(kept) {
  const field = document.getElementById("own-answer");
  const rating = document.querySelector(".rating");
  if (!field) return;
  field.value = kept.of().words || "";
  field.addEventListener("change", () => kept.note({ words: field.value }));
  all("input", rating).forEach((choice) => {
    choice.checked = kept.of().rated === Number(choice.value);
    choice.addEventListener("change", () => kept.note({ rated: Number(choice.value) }));
  });
}
