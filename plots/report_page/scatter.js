"use strict";
// Draws every .scatter of the page with Plotly: points by group, dominated ones faint, the front of both axes on top.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c7a00", "#666666"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down"];
const MOST_LABELS = 12;
const MANY_POINTS = 500;
function asText(text) {
  // Plotly reads a little HTML in its texts; a name must stay a name.
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
function shortened(text, length) {
  const letters = Array.from(text.replace(/\s+/g, " "));
  return letters.length <= length ? letters.join("") : `${letters.slice(0, length - 1).join("")}…`;
}
function frontOf(points, x, y) {
  // The points that none beats in both; equal ones are all kept.
  const signed = (axis, value) => (axis.more ? -value : value);
  const ordered = points.map((point) => [signed(x, point.x), signed(y, point.y), point]);
  ordered.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const front = [];
  let best = Infinity, bestX = NaN;
  for (const [px, py, point] of ordered) {
    if (py < best || (py === best && px === bestX)) {
      front.push(point);
      [best, bestX] = [py, px];
    }
  }
  return front;
}
function spans(points, which) {
  const values = points.map((point) => point[which]);
  return values.length > 0 && Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 10;
}
function written(value) {
  return Number.isInteger(value) ? value.toLocaleString("en") : Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });
}
function short(value) {
  const units = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [factor, unit] = units.find(([one]) => value >= one) || [1, ""];
  return `${Number((value / factor).toPrecision(3))}${unit}`;
}
function ticks(points, which) {
  // 1, 2 and 5 of every decade that the points reach: a logarithmic axis that says its numbers in full.
  const values = points.map((point) => point[which]);
  const marks = [];
  const last = Math.ceil(Math.log10(Math.max(...values)));
  for (let power = Math.floor(Math.log10(Math.min(...values))); power <= last; power++) {
    for (const step of last - power > 4 ? [1] : [1, 2, 5]) marks.push(Number(`${step}e${power}`));
  }
  return { type: "log", tickmode: "array", tickvals: marks, ticktext: marks.map(short) };
}
class Scatter {
  constructor(box) {
    this.box = box;
    this.plot = box.querySelector(".plot");
    const data = JSON.parse(box.querySelector("script[type='application/json']").textContent);
    [this.axes, this.all] = [data.axes, data.points];
    this.names = [...new Set(this.all.map((point) => point.group))];
    box.addEventListener("change", () => this.draw());
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.draw();
  }
  chosen() {
    const [x, y] = ["x", "y"].map((which) => this.box.querySelector(`select.${which}`).value);
    const here = this.all.filter((point) => x in point.values && y in point.values);
    return [x, y, here.map((point) => ({ ...point, x: point.values[x], y: point.values[y] }))];
  }
  draw() {
    const [x, y, points] = this.chosen();
    const front = frontOf(points, this.axes[x], this.axes[y]);
    const layout = this.layout(points, x, y);
    Plotly.react(this.plot, [this.line(front), ...this.groups(points, new Set(front), x, y)], layout, {
      responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"],
    });
    this.plot.removeAllListeners("plotly_click");
    this.plot.on("plotly_click", (event) => this.open(event.points.find((one) => one.data.meta)));
    this.box.querySelector(".front").textContent = `${front.length} of ${points.length} points are on the front of these two axes.`;
  }
  layout(points, x, y) {
    const style = getComputedStyle(document.body);
    const [ink, line] = ["--ink", "--line"].map((name) => style.getPropertyValue(name).trim());
    const log = this.box.querySelector(".log").checked;
    const axis = (which, key) => ({
      title: { text: asText(this.axes[key].label) }, gridcolor: line, zerolinecolor: line, linecolor: line,
      automargin: true, exponentformat: "SI", ...(log && spans(points, which) ? ticks(points, which) : { type: "linear" }),
    });
    return {
      height: 460, margin: { l: 60, r: 20, t: 20, b: 50 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: "system-ui, sans-serif", size: 12 }, hovermode: "closest",
      xaxis: axis("x", x), yaxis: axis("y", y), legend: { orientation: "h", y: -0.18, yanchor: "top" },
      hoverlabel: { namelength: -1, align: "left" }, modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink },
    };
  }
  line(front) {
    return {
      x: front.map((point) => point.x), y: front.map((point) => point.y), mode: "lines", hoverinfo: "skip",
      line: { color: "#888888", width: 1.5, shape: "hv" }, name: "Pareto front",
    };
  }
  groups(points, front, x, y) {
    // A group is a line of the legend, its faint points, and, above all groups' faint points, its points on the front.
    const legend = this.names.map((group, number) => ({
      x: [null], y: [null], mode: "markers", name: asText(shortened(group, 40)), legendgroup: number,
      showlegend: this.names.length > 1, marker: this.marker(number, 10, 1),
    }));
    const many = points.length > MANY_POINTS;
    const faint = this.names.map((group, number) => ({
      ...this.marks(points.filter((point) => point.group === group && !front.has(point)), x, y), mode: "markers",
      legendgroup: number, marker: this.marker(number, many ? 6 : 10, many ? 0.2 : 0.35),
    }));
    const best = this.names.map((group, number) => this.onFront(points, front, number, x, y));
    return [...legend, ...[...faint, ...best].filter((trace) => trace.x.length > 0)];
  }
  marks(own, x, y) {
    return {
      x: own.map((point) => point.x), y: own.map((point) => point.y), meta: own, type: "scatter", showlegend: false,
      hovertext: own.map((point) => this.told(point, x, y)), hoverinfo: "text",
    };
  }
  marker(number, size, opacity) {
    const symbol = SYMBOLS[(Math.floor(number / COLOURS.length) + number) % SYMBOLS.length];
    return { color: COLOURS[number % COLOURS.length], symbol, size, opacity };
  }
  onFront(points, front, number, x, y) {
    const own = points.filter((point) => point.group === this.names[number] && front.has(point));
    const labelled = front.size <= MOST_LABELS;
    const xs = points.map((point) => point.x);
    const [least, most] = [Math.min(...xs), Math.max(...xs)];
    const middle = this.box.querySelector(".log").checked && spans(points, "x") ? Math.sqrt(least * most) : (least + most) / 2;
    return {
      ...this.marks(own, x, y), mode: labelled ? "markers+text" : "markers", legendgroup: number, cliponaxis: false,
      text: own.map((point) => asText(shortened(point.label, 28))), textfont: { size: 10 },
      textposition: own.map((point) => (point.x > middle ? "top left" : "top right")), marker: this.marker(number, 10, 1),
    };
  }
  told(point, x, y) {
    const numbers = [x, y].map((key) => `${asText(this.axes[key].label)}: ${written(point.values[key])}`);
    return [`<b>${asText(shortened(point.name, 120))}</b>`, ...numbers].join("<br>");
  }
  open(hit) {
    if (!hit) return;
    const point = hit.data.meta[hit.pointNumber];
    const list = document.createElement("dl");
    for (const [term, words] of Object.entries({ point: point.name, ...point.facts })) {
      for (const [tag, text] of [["dt", term], ["dd", words]]) {
        list.append(Object.assign(document.createElement(tag), { textContent: text }));
      }
    }
    this.box.querySelector(".facts").replaceChildren(list);
    openChosen(point.opens);
  }
}
for (const box of document.querySelectorAll(".scatter")) new Scatter(box);
