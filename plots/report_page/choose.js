"use strict";
// Opens what a point, a cell or a row stands for: its layers where the page has them, else its own row.
function openChosen(chosen) {
  const name = CSS.escape(chosen);
  for (const row of document.querySelectorAll("tr.chosen, td.chosen")) row.classList.remove("chosen");
  for (const own of document.querySelectorAll(`tr[data-key="${name}"], td[data-key="${name}"]`)) own.classList.add("chosen");
  const layer = document.querySelector(`tr[data-of="${name}"]`);
  const own = document.querySelector(`tr[data-key="${name}"]`);
  const box = layer && layer.closest(".filtered");
  if (box) {
    box.dataset.only = chosen;
    box.querySelector("input").value = "";
    applyFilter(box);
  }
  const target = layer || own;
  if (!target) return;
  for (let place = target.closest("details"); place; place = place.parentElement.closest("details")) place.open = true;
  if (target.hidden) target.closest(".filtered").querySelector("button.all").click();
  (box || target).scrollIntoView({ block: layer ? "start" : "center" });
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-open]");
  if (button) openChosen(button.dataset.open);
});
document.addEventListener("change", (event) => {
  const choice = event.target.closest("select.measure");
  if (!choice) return;
  for (const map of choice.closest(".heat").querySelectorAll("[data-measure]")) {
    map.hidden = map.dataset.measure !== choice.value;
  }
});
