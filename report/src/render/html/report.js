"use strict";
// Everything here is an addition: the page says the same without it, but the facts behind what passes in the table.
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const form = byId("filter"), words = byId("words"), outcome = byId("outcome"), shown = byId("shown");
  const rules = all("details.rule").map((element) => ({
    element,
    outcome: ["fail", "partial", "unknown", "pass", "na"].find((name) => element.classList.contains(name)),
    findings: all(".finding", element),
  }));
  const sections = all("section.pillar");
  const chunks = all(".chunk").map((element) => ({ element, rows: all("tbody tr", element) }));
  const texts = new Map();
  const text = (element) => {
    if (!texts.has(element)) texts.set(element, element.textContent.toLowerCase());
    return texts.get(element);
  };
  const head = (element) => text(element.querySelector("summary")) + text(element.querySelector(".summary"));

  const filterRule = (rule, wanted, kind) => {
    const named = head(rule.element).includes(wanted);
    let matches = 0;
    for (const finding of rule.findings) {
      const fits = (!kind || finding.classList.contains(kind)) && (named || text(finding).includes(wanted));
      finding.hidden = !fits;
      if (fits) matches += 1;
    }
    const fits = matches > 0 || (named && (!kind || rule.outcome === kind));
    rule.element.hidden = !fits;
    return fits;
  };

  const filterChunk = (chunk, wanted, kind) => {
    let matches = 0;
    for (const row of chunk.rows) {
      const fits = (!kind || row.querySelector("td." + kind) !== null) && text(row).includes(wanted);
      row.hidden = !fits;
      if (fits) matches += 1;
    }
    chunk.element.hidden = matches === 0;
    return matches;
  };

  const filter = () => {
    const wanted = words.value.trim().toLowerCase(), kind = outcome.value;
    const fitting = rules.filter((rule) => filterRule(rule, wanted, kind)).length;
    const rows = chunks.reduce((sum, chunk) => sum + filterChunk(chunk, wanted, kind), 0);
    for (const section of sections) {
      section.hidden = (wanted || kind) && !section.querySelector("details.rule:not([hidden])");
    }
    const files = chunks.length ? ", " + rows.toLocaleString("en") + " executables" : "";
    shown.textContent = wanted || kind ? fitting.toLocaleString("en") + " rules" + files : "";
  };

  const open = (state) => rules.forEach((rule) => (rule.element.open = state));
  // A link to a rule or from the table should show the rule and not a closed line.
  const reveal = () => {
    const target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };

  // Cells have the numbers of their texts, which are made when they are wanted: there may be hundreds of thousands.
  const table = document.querySelector(".matrix"), cell = byId("cell"), notes = byId("notes");
  const told = (td) => td.dataset.n.split(" ").map((at) => notes.children[at].textContent);
  const cellOf = (event) => event.target.closest("td[data-n]");
  let chosen = null;
  const choose = (td) => {
    if (chosen) chosen.classList.remove("chosen");
    chosen = td === chosen ? null : td;
    cell.hidden = !chosen;
    if (!chosen) return;
    td.classList.add("chosen");
    const title = td.closest("table").tHead.rows[0].cells[td.cellIndex].textContent;
    const path = td.parentElement.cells[0].querySelector("code").textContent;
    const line = (words) => Object.assign(document.createElement("p"), { textContent: words });
    cell.replaceChildren(line(path + ": " + title + ", " + td.textContent), ...told(td).map(line));
  };
  if (table) {
    byId("hint").hidden = false;
    table.addEventListener("mouseover", (event) => {
      const td = cellOf(event);
      if (td && !td.title) td.title = told(td).join("\n");
    });
    table.addEventListener("click", (event) => {
      const td = cellOf(event);
      if (td) choose(td);
    });
  }

  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(filter, 120);
  };
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  words.addEventListener("input", later);
  outcome.addEventListener("change", filter);
  byId("expand").addEventListener("click", () => open(true));
  byId("collapse").addEventListener("click", () => open(false));
  addEventListener("hashchange", reveal);
  reveal();

  // On paper nothing can be opened.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    closed.forEach((details) => (details.open = true));
  });
  addEventListener("afterprint", () => closed.forEach((details) => (details.open = false)));
})();
