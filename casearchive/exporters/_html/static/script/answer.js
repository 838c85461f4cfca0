/* The answer, which opens step by step: the findings, the diagnosis, what is to be learned. Or all of it at once, or any
   one section. What was read before the diagnosis counts as answered. */

class Answer {
  constructor(players, questions, kept) {
    Object.assign(this, { players, questions, kept });
    this.sections = all(".sealed");
    this.shown = new Set();
    this.button = document.querySelector(".reveal");
    this.step = document.querySelector(".next-step");
    this.title = document.getElementById("title");
    this.asked = document.getElementById("asked-as");
    this.quizTitle = this.asked.textContent;
    this.button.addEventListener("click", () => this.show(this.complete() ? [] : this.names()));
    this.step.addEventListener("click", () => this.goOn());
    for (const section of this.sections)
      section.querySelector("button").addEventListener("click", () => this.turn(section.dataset.section));
  }

  /* On paper the whole answer is shown, and every clip at the frame that stands for it. */
  beforePrint() {
    this.beforePaper = [...this.shown];
    this.show(this.names(), { counts: false });
    this.players.forEach((player) => player.moving && (player.pause(), player.seek(player.key)));
  }

  afterPrint() {
    this.show(this.beforePaper || [], { counts: false });
  }

  names(stage) {
    return this.sections.filter((s) => !stage || s.dataset.stage === stage).map((s) => s.dataset.section);
  }

  complete() {
    return this.shown.size === this.sections.length;
  }

  turn(name) {
    const next = new Set(this.shown);
    if (!next.delete(name)) next.add(name);
    this.show(next);
  }

  /* The next stage of which not everything is open. */
  next() {
    return ["findings", "diagnosis", "teaching"].find((s) => this.names(s).some((name) => !this.shown.has(name)));
  }

  goOn() {
    const stage = this.next();
    if (!stage) return;
    this.show([...this.shown, ...this.names(stage)]);
    const first = this.sections.find((section) => section.dataset.stage === stage);
    first.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
    first.querySelector("button").focus({ preventScroll: true });
  }

  show(names, { counts = true } = {}) {
    this.shown = new Set(names);
    const answers = unseal("sealed");
    for (const section of this.sections) {
      const open = this.shown.has(section.dataset.section);
      const body = section.querySelector(".section-body");
      if (open && !body.firstElementChild) body.innerHTML = answers.sections[section.dataset.section];
      if (!open) body.replaceChildren();
      body.hidden = !open;
      section.querySelector("button").setAttribute("aria-expanded", String(open));
    }
    const complete = this.complete();
    this.button.setAttribute("aria-expanded", String(complete));
    this.button.textContent = say(complete ? "hide_answer" : "show_answer");
    const stage = this.next();
    this.step.hidden = !stage;
    const told = { findings: "show_findings", diagnosis: "show_diagnosis", teaching: "show_points" };
    this.step.textContent = stage ? say(told[stage]) : "";
    document.body.classList.toggle("revealed", complete);
    this.tellTitle(this.shown.has("diagnosis") ? answers.title : this.quizTitle);
    this.tellPictures(complete || this.shown.has("findings") ? answers : null);
    if (complete) this.questions.forEach((question) => question.tell());
    if (this.shown.has("diagnosis") && counts) this.kept.note({ done: 1 });
    const rating = document.querySelector(".rating");
    if (rating) rating.hidden = !this.shown.has("diagnosis");
  }

  tellTitle(title) {
    this.title.textContent = title;
    document.title = title;
    this.asked.hidden = title === this.quizTitle;
  }

  tellPictures(answers) {
    for (const player of this.players) {
      const figure = document.getElementById(`figure-${player.figure}`);
      const caption = figure.querySelector(".true-caption");
      const told = answers ? answers.captions[player.figure] : { text: "", structure: "" };
      caption.textContent = [told.structure && `${told.structure}.`, told.text].filter(Boolean).join(" ");
      caption.hidden = !caption.textContent;
      figure.classList.toggle("told", Boolean(told.text));
      player.marks.set(answers ? answers.marks[player.figure] : []);
      player.setRanges(answers ? answers.ranges[player.figure] : []);
    }
    all(".after-answer").forEach((element) => (element.hidden = !answers));
  }
}
