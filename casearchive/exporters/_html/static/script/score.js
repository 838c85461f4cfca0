/* The score: what was answered, case by case, and all together. */

function tellScore(store) {
  const table = document.querySelector(".scores tbody");
  if (!table) return;
  const { cases } = dataOf(document.getElementById("set"));
  const facets = unseal("sealed-facets");
  const sum = [0, 0];
  let answered = 0;
  cases.forEach(({ number }, n) => {
    const kept = store.of(number);
    const row = table.querySelector(`[data-case="${number}"]`);
    const points = pointsOf(kept);
    if (kept.done || points) answered += 1;
    if (points) points.forEach((value, side) => (sum[side] += value));
    const told = points ? say("points_of", { got: points[0], of: points[1] }) : kept.done ? say("seen") : "—";
    row.querySelector(".points").textContent = told;
    const title = row.querySelector(".true-title");
    title.textContent = kept.done ? facets[n].title : "";
    title.hidden = !kept.done;
  });
  const percent = Math.round((100 * sum[0]) / sum[1]);
  document.querySelector(".total").textContent = say(sum[1] ? "total" : "no_points", {
    got: sum[0],
    of: sum[1],
    percent,
    done: answered,
    cases: cases.length,
  });
  document.querySelector(".again").addEventListener("click", () => {
    store.clear();
    tellScore(store);
  });
}
