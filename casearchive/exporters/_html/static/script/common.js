/* Small helpers that every part of the script uses. */

const SVG = "http://www.w3.org/2000/svg";
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const dataOf = (element) => JSON.parse(element.textContent);

function make(tag, about = {}, ...children) {
  const element = document.createElement(tag);
  const { className, ...rest } = about;
  if (className) element.className = className;
  for (const [name, value] of Object.entries(rest)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* A label of the page's language, with its {names} filled in. */
function say(key, filled = {}) {
  return LABELS[key].replace(/\{(\w+)\}/g, (_, name) => filled[name]);
}

/* The answers stand in the page as base64 of JSON: hidden from a glance, not from somebody who wants to know. */
function unseal(id) {
  const bytes = atob(document.getElementById(id).textContent);
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0))));
}
