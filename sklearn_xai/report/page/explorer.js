/* What is picked is filled into the markup that the page came with, as text alone. */

function makeExplorer(box) {
  const data = JSON.parse(box.querySelector("script").textContent);
  const find = selector => box.querySelector(selector);
  const items = Array.from(box.querySelectorAll(".list tbody tr"));
  const detail = find(".detail");
  if (!detail) return;
  const explainer = find(".explainer"), status = find(".count");
  let picked = 0;

  const texts = data.rows.map(row => [row.name, row.predicted, row.true, ...row.values].join("\n").toLocaleLowerCase());
  const by = () => data.explainers[explainer.selectedIndex];
  const explained = row => row.explained[by()];
  const write = (place, text) => { place.textContent = text; };

  function pick(index) {
    picked = index;
    items.forEach((item, i) => item.classList.toggle("picked", i === index));
    items[index].querySelector("input").checked = true;
    const row = data.rows[index];
    write(find(".heading .name"), row.name);
    write(find(".heading .predicted"), row.predicted);
    if (find(".truth")) {
      find(".truth").hidden = !row.true;
      write(find(".truth .true"), row.true);
    }
    box.querySelectorAll(".values .value bdi").forEach((cell, j) => write(cell, row.values[j]));
    drawWaterfall(row);
  }

  function drawWaterfall(row) {
    const figure = find(".waterfall"), found = explained(row);
    write(figure.querySelector(".by"), by());
    figure.querySelector(".absent").hidden = Boolean(found);
    figure.querySelector("table").hidden = !found;
    const additive = Boolean(found && found.additive);
    figure.classList.toggle("relative", !additive);
    for (const part of [".base", ".output", ".gap"]) figure.querySelector(part).hidden = !additive;
    figure.querySelector(".apart").hidden = !found || additive;
    figure.querySelectorAll(".step").forEach(step => step.remove());
    if (!found) return;
    write(figure.querySelector(".gap .amount"), found.gap);
    write(figure.querySelector(".apart .amount"), found.output);
    fillEnd(figure.querySelector(".base"), found.base, found.base_at);
    fillEnd(figure.querySelector("tr.output"), found.output, found.output_at);
    figure.querySelector("tr.output").before(...found.steps.map(step => drawStep(row, step)));
  }

  function fillEnd(line, text, at) {
    write(line.querySelector(".amount"), text);
    if (at !== null) place(line.querySelector("line"), { x1: at, x2: at });
  }

  function drawStep(row, [feature, text, start, end]) {
    const step = find("template").content.querySelector("tr").cloneNode(true);
    write(step.querySelector(".name"), feature < 0 ? data.others : data.features[feature]);
    write(step.querySelector(".value"), feature < 0 ? "" : row.held[feature]);
    write(step.querySelector(".amount"), text);
    place(step.querySelector(".from"), { x1: start, x2: start });
    place(step.querySelector(".to"), { x1: end, x2: end });
    const bar = step.querySelector("rect");
    bar.setAttribute("class", end < start ? "minus" : "plus");
    place(bar, { x: Math.min(start, end), width: Math.abs(end - start) });
    return step;
  }

  function place(shape, places) {
    for (const [name, percent] of Object.entries(places)) shape.setAttribute(name, `${percent}%`);
  }

  /* Whether a row agrees with a choice; every row does where the choice is "any", or there is none. */
  function agrees(text, selector, options) {
    const select = find(selector);
    return !select || select.selectedIndex === 0 || text === options[select.selectedIndex - 1];
  }

  function narrow() {
    const sought = find(".search").value.trim().toLocaleLowerCase();
    let shown = 0;
    data.rows.forEach((row, i) => {
      const kept = texts[i].includes(sought) && agrees(row.predicted, "select.predicted", data.predictions)
        && agrees(row.true, "select.true", data.truths);
      items[i].hidden = !kept;
      shown += kept;
    });
    write(status, shown === data.rows.length ? `${shown} rows` : `${shown} of ${data.rows.length} rows`);
  }

  function order() {
    const key = find(".order").value, rows = data.rows;
    const bySize = (name, direction, of = explained) => (a, b) => {
      const [left, right] = [of(rows[a]), of(rows[b])].map(found => (found ? found[name] : null));
      return left === null || right === null ? (left === null) - (right === null) : direction * (left - right);
    };
    const orders = {
      given: () => 0,
      wrong: (a, b) => rows[b].wrong - rows[a].wrong,
      error: bySize("error", -1, row => row),
      high: bySize("output_number", -1),
      low: bySize("output_number", 1),
      gap: bySize("gap_number", -1),
    };
    const indices = rows.map((_, i) => i).sort(orders[key] || ((a, b) => compare(rows[a][key], rows[b][key])));
    find(".list tbody").append(...indices.map(i => items[i]));
  }

  function explain() {
    data.rows.forEach((row, i) => write(items[i].querySelector(".output"), explained(row) ? explained(row).output : "–"));
    order();
    drawWaterfall(data.rows[picked]);
  }

  items.forEach((item, i) => {
    item.querySelector("input").addEventListener("change", () => pick(i));
    item.addEventListener("click", event => { if (!event.target.closest("label")) pick(i); });
  });
  find(".search").addEventListener("input", narrow);
  box.querySelectorAll("select.predicted, select.true").forEach(select => select.addEventListener("change", narrow));
  find(".order").addEventListener("change", order);
  explainer.addEventListener("change", explain);
}
