"use strict";
// Sorts a table by the column whose heading was pressed; pressed again, the other way round. Empty cells stay last.
function keyOf(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.sort === undefined) return cell.textContent;
  return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
}
function compare(a, b) {
  return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
}
function sortBy(heading) {
  const way = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const body = heading.closest("table").tBodies[0];
  const keyed = Array.from(body.rows, (row) => [keyOf(row, heading.cellIndex), row]);
  keyed.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : way * compare(a, b)));
  body.append(...keyed.map(([, row]) => row));
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("th button");
  if (button) sortBy(button.closest("th"));
});
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
