/* Puts a page to work; in a single file, the page that the address names. */

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
  return watcher;
}

/* A "Clip 2, frames 12–27" button: goes there, stops there, and offers the way back. */
function look(players, button) {
  const player = players.find((p) => p.figure === Number(button.dataset.figure));
  player.stopAt(Number(button.dataset.frame));
  if (button.dataset.finding) player.marks.pointOut(button.dataset.finding);
  const caption = player.root.closest("figure").querySelector("figcaption");
  let back = caption.querySelector(".return");
  if (!back) {
    back = make("button", { type: "button", className: "return" }, say("back_to_where"));
    caption.append(back);
  }
  back.onclick = () => {
    back.remove();
    button.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
    button.focus({ preventScroll: true });
  };
  player.root.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
  player.root.focus({ preventScroll: true });
}

/* Keys of the page: a number goes to that picture, N and P turn over, / searches. */
function pageKeys(event, players) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (/^(input|select|textarea)$/i.test(event.target.tagName) && event.target.type !== "radio") return;
  const go = (selector) => document.querySelector(selector)?.click();
  const key = event.key.toLowerCase();
  if (/^[1-9]$/.test(key) && players[Number(key) - 1]) {
    const { root } = players[Number(key) - 1];
    root.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
    root.focus({ preventScroll: true });
  } else if (key === "n") go("a[rel=next]");
  else if (key === "p") go("a[rel=prev]");
  else if (key === "a") go(".next-step");
  else if (key === "/" && document.querySelector(".filters")) document.querySelector(".filters input").focus();
  else if (key === "?" && document.getElementById("keys")) document.getElementById("keys").showModal();
  else return;
  event.preventDefault();
}

function startCase(store) {
  const number = Number(document.querySelector(".case-page").dataset.case);
  const kept = { of: () => store.of(number), note: (what) => store.note(number, what) };
  const players = all(".player").map((root) => new Player(root));
  const questions = all(".question").map((root) => new Question(root, players, kept));
  const answer = new Answer(players, questions, kept);
  const compare = new Compare(players);
  const clicked = (event) => {
    const to = event.target.closest(".look");
    if (to) look(players, to);
    const beside = event.target.closest(".compare-with");
    if (beside) {
      event.preventDefault();
      const chosen = beside.parentElement.querySelector("select");
      compare.open(Number(beside.dataset.figure), Number(chosen ? chosen.value : beside.dataset.other));
    }
  };
  document.addEventListener("click", clicked);
  ownAnswer(kept);
  if (INSTRUCTOR) answer.show(answer.names(), { counts: false });
  const watcher = startBySight(players);
  return {
    players,
    answer,
    leave() {
      document.removeEventListener("click", clicked);
      watcher.disconnect();
      players.forEach((player) => player.pause());
    },
  };
}

function startPage(store) {
  const page = document.querySelector(".case-page") ? startCase(store) : { players: [], leave() {} };
  new List(store);
  tellScore(store);
  for (const close of all("dialog .close")) close.addEventListener("click", () => close.closest("dialog").close());
  for (const open of all(".show-keys")) open.addEventListener("click", () => document.getElementById("keys").showModal());
  return page;
}

/* A single file holds every page as a template; the address says which is shown (#case-07). */
function turnTo(store, now) {
  const name = location.hash.slice(1) || "index";
  const wanted = document.querySelector(`template[data-page="${CSS.escape(name)}"]`);
  const view = document.getElementById("view");
  if (!wanted || (now && view.dataset.page === name)) return now;
  if (now) now.leave();
  view.dataset.page = name;
  view.replaceChildren(wanted.content.cloneNode(true));
  document.title = wanted.dataset.title;
  document.body.className = wanted.dataset.kind;
  scrollTo(0, 0);
  if (now) document.getElementById("main").focus({ preventScroll: true });
  return startPage(store);
}

function start() {
  document.documentElement.classList.add("scripted");
  const store = new Store(document.documentElement.dataset.set);
  let page = SINGLE ? turnTo(store, null) : startPage(store);
  if (SINGLE) addEventListener("hashchange", () => (page = turnTo(store, page)));
  document.addEventListener("keydown", (event) => pageKeys(event, page.players));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (link) store.carryBy(link);
  });
  addEventListener("beforeprint", () => page.answer?.beforePrint());
  addEventListener("afterprint", () => page.answer?.afterPrint());
}

if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
else start();
