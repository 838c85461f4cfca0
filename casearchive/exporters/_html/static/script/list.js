/* The list of cases: search, filters, what was answered. What would give an answer away (structure, abnormality, side)
   can be chosen only among cases that were answered, or in an instructor's version. */

class List {
  constructor(store) {
    this.store = store;
    this.form = document.querySelector(".filters");
    if (!this.form) return;
    const { cases } = dataOf(document.getElementById("set"));
    const facets = unseal("sealed-facets");
    this.cases = cases.map((about, n) => ({ ...about, ...facets[n], item: document.getElementById(`card-${about.number}`) }));
    this.count = this.form.querySelector(".found");
    this.none = document.querySelector(".none-fits");
    this.open = this.cases.filter((one) => INSTRUCTOR || store.of(one.number).done);
    this.tellAnswered();
    for (const select of all("select[data-facet]", this.form)) this.fillIn(select);
    this.form.addEventListener("input", () => this.sift());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    for (const button of all(".clear-filters")) button.addEventListener("click", () => this.clear());
    this.sift();
  }

  tellAnswered() {
    for (const { number, item, title } of this.open) {
      if (INSTRUCTOR) continue;
      const points = pointsOf(this.store.of(number));
      const told = points ? say("answered_points", { got: points[0], of: points[1] }) : say("answered");
      item.querySelector(".chips").prepend(make("span", { className: "chip done" }, told));
      item.querySelector(".true-title").textContent = title;
      item.querySelector(".true-title").hidden = false;
    }
  }

  fillIn(select) {
    const open = select.dataset.facet === "region" || select.dataset.facet === "difficulty" ? this.cases : this.open;
    const values = new Set(open.flatMap((one) => one[select.dataset.facet] || []));
    const order = select.dataset.facet === "difficulty" ? () => 0 : (a, b) => a.localeCompare(b);
    select.append(...[...values].sort(order).map((value) => make("option", { value }, value)));
    select.closest("label").hidden = values.size < 1;
  }

  sift() {
    const words = fold(this.form.elements.search.value).split(/\s+/).filter(Boolean);
    const chosen = all("select[data-facet]", this.form).filter((select) => select.value);
    const answered = this.form.elements.answered?.value || "";
    let found = 0;
    for (const one of this.cases) {
      const done = Boolean(this.store.of(one.number).done);
      const open = this.open.includes(one);
      const text = fold(open ? `${one.words} ${one.told}` : one.words);
      const fits =
        words.every((word) => text.includes(word)) &&
        (!answered || (answered === "yes") === done) &&
        chosen.every(({ dataset: { facet }, value }) => {
          const plain = facet === "region" || facet === "difficulty";
          return (plain || open) && (one[facet] || []).includes(value);
        });
      one.item.hidden = !fits;
      found += Number(fits);
    }
    this.count.textContent = say(this.cases.length === 1 ? "found_one" : "found_many", {
      n: found,
      of: this.cases.length,
    });
    this.none.hidden = found > 0 || this.cases.length === 0;
    all(".clear-filters").forEach((b) => (b.hidden = !(words.length || chosen.length || answered)));
  }

  clear() {
    this.form.reset();
    this.sift();
    this.form.elements.search.focus();
  }
}

/* For comparing: without accents and capitals. */
function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}
