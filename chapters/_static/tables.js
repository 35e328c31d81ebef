/* On a phone a row of a table with three columns and more is a card (tables.css), and each of its cells brings the head of its
   column. The tables of results in the chapters stay tables: their numbers are there to be compared. */

"use strict";

addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".bd-article table.table:not(.symbols):has(th:nth-child(3))")) {
    if (table.closest(".cell_output")) continue;
    const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
    table.classList.add("cards");
    for (const row of table.tBodies[0].rows) {
      [...row.cells].forEach((cell, i) => {
        if (cell.textContent.trim()) cell.dataset.head = heads[i];
        cell.classList.toggle("long", cell.textContent.trim().length > 24 && !cell.querySelector("br"));
      });
    }
  }
  /* "28 (12 to 45)" and "d = 4" stay on one line */
  for (const cell of document.querySelectorAll(".bd-article table.table td")) {
    cell.classList.toggle("short", cell.textContent.trim().length <= 14 && !cell.querySelector("a"));
  }
  /* of 3.2e-16 or -0.5 a browser would put the end on the next line */
  for (const printed of document.querySelectorAll(".cell_output pre")) {
    const texts = [], walk = document.createTreeWalker(printed, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) texts.push(walk.currentNode);
    for (const text of texts) {
      const parts = text.data.split(/(\B-\d[\d.]*(?:e[+-]\d+)?|\d[\d.]*e-\d+)/);
      if (parts.length === 1) continue;
      const number = (part) => Object.assign(document.createElement("span"), { className: "number", textContent: part });
      text.replaceWith(...parts.map((part, i) => (i % 2 ? number(part) : part)));
    }
  }
});
