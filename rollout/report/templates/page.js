// Filters the checks, shows the target of a link, and unfolds all details for printing.
(() => {
  "use strict";
  const form = document.getElementById("filter");
  const table = document.querySelector("table.checks");

  const opened = [];
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details:not([open])")) {
      fold.open = true;
      opened.push(fold);
    }
  });
  addEventListener("afterprint", () => {
    for (const fold of opened.splice(0)) fold.open = false;
  });
  if (!form || !table) return;

  const rows = [...table.querySelectorAll("tr.check")].map((row) => {
    const next = row.nextElementSibling;
    const detail = next && next.classList.contains("detail") ? next : null;
    return {
      row,
      detail,
      group: row.parentElement.dataset.group,
      words: (row.textContent + " " + (detail ? detail.textContent : "")).toLowerCase(),
      states: [...row.querySelectorAll("td.answer")].map((cell) => cell.dataset.state),
    };
  });
  const text = document.getElementById("filter-text");
  const group = document.getElementById("filter-group");
  const path = document.getElementById("filter-path");
  const count = document.getElementById("filter-count");

  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const column = path && path.value !== "" ? Number(path.value) : null;
    const wanted = new Set();
    for (const box of form.querySelectorAll("input[name=state]:checked")) {
      for (const state of box.value.split(" ")) wanted.add(state);
    }
    let shown = 0;
    for (const each of rows) {
      const states = column === null ? each.states : [each.states[column]];
      const fits =
        (!group.value || each.group === group.value) &&
        (!wanted.size || states.some((state) => wanted.has(state))) &&
        words.every((word) => each.words.includes(word));
      each.row.hidden = !fits;
      if (each.detail) each.detail.hidden = !fits;
      shown += fits;
    }
    for (const body of table.tBodies) body.hidden = !body.querySelector("tr.check:not([hidden])");
    for (const row of table.querySelectorAll("tr:not(.detail)")) {
      [...row.cells].slice(1).forEach((cell, place) => {
        cell.hidden = column !== null && place !== column;
      });
    }
    count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  };

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  const follow = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !table.contains(target)) return;
    if (target.hidden || target.closest("tbody").hidden) {
      form.reset();
      apply();
    }
    target.scrollIntoView({ block: "center" });
    const fold = target.nextElementSibling && target.nextElementSibling.querySelector("details");
    if (fold) fold.open = true;
  };
  addEventListener("hashchange", follow);
  form.hidden = false;
  apply();
  follow();
})();
