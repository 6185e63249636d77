"use strict";
let seen = null, chosen = null;

const shown = token => token.replaceAll("\n", "⏎").replaceAll(" ", "·") || "∅";
const colour = share => `rgba(${getComputedStyle(document.documentElement).getPropertyValue("--mark")}, ${share})`;

const told = work => work().catch(error => $("note").textContent = error.message);
const list = () => told(listModels);

async function look() {
  $("note").textContent = "…";
  const body = { model: $("model").value || null, text: $("text").value, layer: Number($("layer").value) };
  const result = await (await call("/api/inspect", body)).json();
  if (seen?.tokens.join("\0") !== result.tokens.join("\0")) chosen = null; // another layer of the same text keeps the choice
  seen = result;
  $("note").textContent = `${result.tokens.length} tokens, layer ${result.layer} of ${result.layers}, ${result.attention.length} heads`;
  $("layer").replaceChildren(...Array.from({ length: result.layers }, (_, i) => new Option(i, i, false, i === result.layer)));
  draw();
}

function draw() {
  const mean = chosen === null ? null : seen.tokens.map((_, to) =>
    seen.attention.reduce((sum, head) => sum + head[chosen][to], 0) / seen.attention.length / 1000);
  $("tokens").replaceChildren(...seen.tokens.map((token, at) => {
    const button = document.createElement("button");
    const probability = seen.probabilities?.[at]?.probability;
    button.textContent = shown(token);
    button.style.background = colour(mean ? mean[at] : probability === undefined ? 0 : 0.05 + 0.75 * Math.sqrt(probability));
    button.title = probability === undefined ? "" : `probability ${probability.toPrecision(3)}`;
    button.className = at === chosen ? "chosen" : "";
    button.onclick = () => { chosen = at === chosen ? null : at; draw(); };
    return button;
  }));
  $("detail").replaceChildren(...(chosen === null ? [] : [table(chosen)]));
  $("heads").replaceChildren(...seen.attention.map(head));
}

function table(at) {
  const result = document.createElement("table");
  const row = cells => { const tr = result.insertRow(); cells.forEach(cell => tr.insertCell().textContent = cell); };
  const here = seen.probabilities?.[at];
  row([shown(seen.tokens[at]), here ? `probability ${here.probability.toPrecision(3)}` : "no probability"]);
  for (const other of here?.likeliest ?? []) row([shown(other.token), other.probability.toPrecision(3)]);
  return result;
}

function head(weights, number) {
  const figure = document.createElement("figure"), canvas = document.createElement("canvas");
  const caption = document.createElement("figcaption");
  const size = weights.length;
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  weights.forEach((row, from) => row.forEach((weight, to) => {
    context.fillStyle = colour(Math.sqrt(weight / 1000) * (chosen === null || chosen === from ? 1 : 0.25));
    context.fillRect(to, from, 1, 1);
  }));
  const place = event => {
    const box = canvas.getBoundingClientRect();
    const cell = (value, length) => Math.min(size - 1, Math.max(0, Math.floor(value / length * size)));
    return [cell(event.clientY - box.top, box.height), cell(event.clientX - box.left, box.width)];
  };
  caption.textContent = `head ${number}`;
  canvas.onmousemove = event => {
    const [from, to] = place(event);
    const share = (weights[from][to] / 10).toFixed(1);
    caption.textContent = `head ${number}: ${shown(seen.tokens[from])} → ${shown(seen.tokens[to])} ${share}%`;
  };
  canvas.onmouseleave = () => caption.textContent = `head ${number}`;
  canvas.onclick = event => { chosen = place(event)[0]; draw(); };
  figure.append(canvas, caption);
  return figure;
}

$("look").addEventListener("click", () => told(look));
$("layer").addEventListener("change", () => told(look));
$("key").addEventListener("change", list);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => seen && draw()); // canvases hold the colours they were drawn in
list();
