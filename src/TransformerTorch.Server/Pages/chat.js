"use strict";
let turns = [];
let running = null;

const list = () => {
  document.querySelectorAll(".turn.error").forEach(told => told.remove());
  return listModels(m => !m.embeds).catch(error => show("error", error.message));
};

function show(kind, text) {
  document.querySelector(".hint")?.remove();
  const turn = document.createElement("div");
  turn.className = "turn " + kind;
  turn.textContent = text;
  $("turns").append(turn);
  turn.scrollIntoView({ block: "end" });
  return turn;
}

function request() {
  const body = { model: $("model").value, stream: true, stream_options: { include_usage: true } };
  body.messages = [...($("system").value ? [{ role: "system", content: $("system").value }] : []), ...turns];
  for (const name of ["temperature", "top_p", "max_tokens", "seed"])
    if ($(name).value !== "") body[name] = Number($(name).value);
  return body;
}

// Events end with an empty line, and a chunk of the network may end anywhere.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let held = "";;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (held + value).split("\n\n");
    held = parts.pop();
    for (const part of parts) {
      const data = part.replace(/^data: /, "");
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}

function rate(tokens, since, first) {
  const seconds = (performance.now() - since) / 1000;
  const speed = tokens > 1 ? (tokens - 1) / Math.max(seconds - first, 1e-3) : 0;
  $("rate").textContent = `${tokens} tokens · ${speed.toFixed(1)} tokens/s · first after ${(first * 1000).toFixed(0)} ms`;
}

async function ask() {
  const text = $("text").value.trim();
  if (!text || running) return;
  $("text").value = "";
  const chat = turns;   // another one may be begun meanwhile
  chat.push({ role: "user", content: text });
  show("user", text);
  running = new AbortController();
  $("send").disabled = true; $("stop").disabled = false;
  const answer = show("assistant", "");
  const since = performance.now();
  let tokens = 0, first = 0, content = "", thoughts = null;
  try {
    if (!$("model").value) await list();   // a question may be quicker than the list
    const response = await call("/v1/chat/completions", request(), running.signal);
    for await (const event of events(response)) {
      if (event.error) throw new Error(event.error.message);
      const delta = event.choices[0]?.delta;
      if (event.usage) { tokens = event.usage.completion_tokens; rate(tokens, since, first); }
      const thought = delta?.reasoning_content;
      if (!delta?.content && !thought) continue;
      if (tokens++ === 0) first = (performance.now() - since) / 1000;
      if (thought) {
        if (!thoughts) answer.before(thoughts = show("thought", ""));
        thoughts.textContent += thought;
      }
      content += delta.content ?? "";
      answer.textContent = content;
      rate(tokens, since, first);
      answer.scrollIntoView({ block: "end" });
    }
  } catch (error) {
    if (error.name !== "AbortError") show("error", error.message);
  }
  if (content) chat.push({ role: "assistant", content });
  else chat.pop();   // templates want questions and answers by turns
  running = null;
  $("send").disabled = false; $("stop").disabled = true;
  $("text").focus();
}

$("ask").addEventListener("submit", event => { event.preventDefault(); ask(); });
$("text").addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); ask(); }
});
$("stop").addEventListener("click", () => running?.abort());
$("clear").addEventListener("click", () => {
  running?.abort();
  turns = [];
  $("turns").replaceChildren();
  $("rate").textContent = "";
});
$("key").addEventListener("change", list);
list();
