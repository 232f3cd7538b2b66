"use strict";

/* Numbers come before texts, numbers by size and texts as people sort them ("row 2" before "row 10"). */
const collator = new Intl.Collator(document.documentElement.lang || "en", { numeric: true });

function compare(a, b) {
  const left = a.trim() === "" ? NaN : Number(a), right = b.trim() === "" ? NaN : Number(b);
  if (Number.isNaN(left) !== Number.isNaN(right)) return Number.isNaN(left) ? 1 : -1;
  return Number.isNaN(left) ? collator.compare(a, b) : left === right ? 0 : left < right ? -1 : 1;
}

function sortTable(table, column, descending) {
  const body = table.tBodies[0], key = row => row.cells[column].dataset.key;
  const rows = Array.from(body.rows);
  rows.sort((a, b) => {
    if (key(a) === undefined || key(b) === undefined) return (key(a) === undefined) - (key(b) === undefined);
    return descending ? compare(key(b), key(a)) : compare(key(a), key(b));
  });
  body.append(...rows);
  table.querySelectorAll("thead th").forEach((head, j) => {
    if (j === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
}

/* The largest numbers are what one looks for first; texts begin with A. */
function makeSortable(table) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sorted = head.getAttribute("aria-sort");
      sortTable(table, column, sorted ? sorted === "ascending" : !head.classList.contains("text"));
    });
  });
}
