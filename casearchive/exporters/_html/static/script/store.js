"use strict";

/* What this reader has answered, kept by the browser for this set and sent nowhere. Some browsers keep nothing for
   pages that come from disk, or for each page apart: so it also travels in the address from page to page. */

const SINGLE = document.documentElement.hasAttribute("data-single");
const INSTRUCTOR = document.documentElement.hasAttribute("data-instructor");

class Store {
  constructor(set) {
    this.name = `casearchive ${set}`;
    this.cases = { ...this.fromBrowser(), ...this.fromAddress() };
  }

  /* What is known of one case: `done` once the diagnosis was shown, `quiz` and `place` the points by question, `rated`
     how the reader judged an answer in words, `words` that answer. */
  of(number) {
    return (this.cases[number] ??= {});
  }

  note(number, what) {
    Object.assign(this.of(number), what);
    this.keep();
  }

  clear() {
    this.cases = {};
    this.keep();
  }

  keep() {
    try {
      localStorage.setItem(this.name, JSON.stringify(this.cases));
    } catch {
      /* the address carries it */
    }
  }

  fromBrowser() {
    try {
      return JSON.parse(localStorage.getItem(this.name)) || {};
    } catch {
      return {};
    }
  }

  fromAddress() {
    const kept = /^#kept=(.+)/.exec(location.hash);
    if (!kept) return {};
    history.replaceState(null, "", location.pathname + location.search);
    try {
      return JSON.parse(decodeURIComponent(kept[1]));
    } catch {
      return {};
    }
  }

  /* A link to another page of the set takes along what was answered, but for what was written in words. */
  carryBy(link) {
    if (SINGLE || !Object.keys(this.cases).length || link.hash || !/\.html$/.test(link.pathname)) return;
    const bare = Object.entries(this.cases).map(([number, { words, ...rest }]) => [number, rest]);
    link.hash = `kept=${encodeURIComponent(JSON.stringify(Object.fromEntries(bare)))}`;
  }
}

/* Points reached and to be had in a case; null where nothing of it was answered. */
function pointsOf(kept) {
  const parts = [...Object.values(kept.quiz || {}), ...Object.values(kept.place || {})];
  if (kept.rated !== undefined) parts.push([kept.rated, 2]);
  if (!parts.length) return null;
  return parts.reduce(([got, of], [more, outOf]) => [got + more, of + outOf], [0, 0]);
}
