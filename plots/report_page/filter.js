"use strict";
// Filters the rows of a table: every word must stand in the row; `cycles<20000` compares the column of that heading.
const COMPARISON = /^(.+?)(<=|>=|<|>|=)(-?[\d.]+(?:e[+-]?\d+)?)$/i;
const COMPARE = {
  "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => a === b,
};
function plain(text) {
  return text.replace(/\s+/g, " ").trim().toLowerCase();
}
function columnOf(table, name) {
  const headings = Array.from(table.tHead.rows[0].cells, (cell) => plain(cell.textContent));
  const exact = headings.indexOf(name);
  return exact >= 0 ? exact : headings.findIndex((heading) => heading.startsWith(name));
}
function testOf(table, word) {
  const parts = COMPARISON.exec(word);
  const column = parts ? columnOf(table, parts[1].replace(/_/g, " ")) : -1;
  if (column < 0) return (row) => plain(row.textContent).includes(word);
  const bound = Number(parts[3]);
  return (row) => {
    const value = row.cells[column].dataset.sort;
    return value !== undefined && value !== "" && COMPARE[parts[2]](Number(value), bound);
  };
}
function applyFilter(box) {
  const table = box.querySelector("table");
  const words = plain(box.querySelector("input").value).split(" ").filter(Boolean);
  const tests = words.map((word) => testOf(table, word));
  const of = box.dataset.only;
  const rows = Array.from(table.tBodies[0].rows);
  let left = 0;
  for (const row of rows) {
    row.hidden = (of !== undefined && row.dataset.of !== of) || !tests.every((test) => test(row));
    left += row.hidden ? 0 : 1;
  }
  box.querySelector("output").textContent = left === rows.length ? `${left} rows` : `${left} of ${rows.length} rows`;
  box.querySelector("button.all").hidden = left === rows.length;
}
document.addEventListener("input", (event) => {
  const box = event.target.closest(".filtered");
  if (box) applyFilter(box);
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("button.all")) return;
  const box = event.target.closest(".filtered");
  delete box.dataset.only;
  box.querySelector("input").value = "";
  applyFilter(box);
});
