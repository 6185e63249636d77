"use strict";
// What both pages share.
const $ = id => document.getElementById(id);
const headers = () => ({ "Content-Type": "application/json", ...($("key").value ? { Authorization: "Bearer " + $("key").value } : {}) });

// An answer that is no error, or an exception with what the server says.
async function call(path, body, signal) {
  const post = body && { method: "POST", body: JSON.stringify(body), signal };
  const response = await fetch(path, { headers: headers(), ...post });
  if (response.ok) return response;
  const told = await response.json().catch(() => null);
  throw new Error(told?.error?.message ?? `${response.status} ${response.statusText}`);
}

async function listModels(wanted = () => true) {
  const chosen = $("model").value;
  const models = (await (await call("/v1/models")).json()).data.filter(wanted);
  $("model").replaceChildren(...models.map(m => new Option(m.id, m.id, false, m.id === chosen)));
}

for (const link of document.querySelectorAll("nav a"))
  if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
