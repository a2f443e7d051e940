// Plots of the last hour: one line each, drawn by hand.

import { number, text } from "/assets/words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const HEIGHT = 100;
const HOUR = 3600000;

function make(name, attributes) {
  const el = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
  return el;
}

/** plot draws one member of the samples into a box; below zero nothing was measured. */
export function plot(box, samples, member, unit = "") {
  const end = Date.parse(samples.at(-1)?.at) || 0;
  const points = samples.filter((s) => s[member] >= 0).map((s) => [Date.parse(s.at) - end + HOUR, s[member]]);
  const most = points.reduce((m, [, v]) => Math.max(m, v), 0);
  const top = most || 1;
  let path = "";
  for (const [t, v] of points) {
    const x = ((Math.max(0, t) / HOUR) * WIDTH).toFixed(1);
    const y = (HEIGHT - (v / top) * (HEIGHT - 4) - 2).toFixed(1);
    path += `${path ? "L" : "M"}${x} ${y}`;
  }
  if (points.length === 1) path += "h2"; // a point is seen, too
  const round = (v) => number(v < 10 ? Math.round(v * 10) / 10 : Math.round(v)) + unit;
  const now = points.length ? round(points.at(-1)[1]) : "–";
  const about = text("plots.about", { now, most: round(most) });
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": about });
  for (const y of [2, HEIGHT / 2, HEIGHT - 2]) svg.append(make("line", { x1: 0, x2: WIDTH, y1: y, y2: y }));
  if (path) svg.append(make("path", { d: path }));
  const scale = Object.assign(document.createElement("p"), { className: "scale" });
  for (const part of [text("plots.ago"), about]) scale.append(Object.assign(document.createElement("span"), { textContent: part }));
  box.replaceChildren(svg, scale);
}
