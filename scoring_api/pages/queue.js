// The queue by keyboard, and a line that says when new alerts came. Without this file the page does
// all the same with its links and forms.
"use strict";
(() => {
  const rows = Array.from(document.querySelectorAll("table.queue tbody tr"));
  const help = document.getElementById("keys");
  let at = -1;

  const mark = (place) => {
    if (!rows.length) return;
    if (at >= 0) rows[at].classList.remove("marked");
    at = Math.max(0, Math.min(rows.length - 1, place));
    rows[at].classList.add("marked");
    rows[at].scrollIntoView({ block: "nearest" });
    const link = rows[at].querySelector("a.open");
    if (link) link.focus({ preventScroll: true });
  };
  rows.forEach((row, place) => row.addEventListener("focusin", () => {
    if (at !== place) {
      if (at >= 0) rows[at].classList.remove("marked");
      at = place;
      row.classList.add("marked");
    }
  }));

  const typing = (target) =>
    target.isContentEditable ||
    ["TEXTAREA", "SELECT"].includes(target.tagName) ||
    (target.tagName === "INPUT" && !["checkbox", "radio", "button", "submit"].includes(target.type));

  const send = (address, fields) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = address;
    const csrf = document.querySelector('input[name="csrf"]');
    if (csrf) fields = { ...fields, csrf: csrf.value };
    for (const [name, value] of Object.entries(fields)) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      form.append(field);
    }
    document.body.append(form);
    form.submit();
  };

  const keys = {
    j: () => mark(at + 1),
    k: () => mark(at - 1),
    o: () => at >= 0 && rows[at].querySelector("a.open").click(),
    x: () => {
      const box = at >= 0 && rows[at].querySelector('td.tick input[type="checkbox"]');
      if (box) box.checked = !box.checked;
    },
    a: () => {
      // Only who may work has something to tick.
      if (at < 0 || !rows[at].querySelector("td.tick")) return;
      const view = document.querySelector('input[name="in"]');
      const lang = new URLSearchParams(location.search).get("lang");
      send(`/alerts/${rows[at].dataset.alert}/assign${lang ? `?lang=${lang}` : ""}`, {
        assignee: "me",
        in: view ? view.value : "",
      });
    },
    n: () => {
      const button = document.querySelector("button.next-alert");
      if (button) button.click();
    },
    "/": () => {
      const search = document.querySelector('input[name="text"]');
      if (search) search.focus();
    },
    "?": () => help && !help.open && help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target) || (help && help.open)) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  const live = document.getElementById("live");
  if (!live || !window.EventSource) return;
  let count = 0;
  const came = (event) => {
    let found = {};
    try {
      found = JSON.parse(event.data);
    } catch (_) {
      return;
    }
    const data = found.data || found;
    if (event.type === "message" && found.kind !== "alerts.created") return;
    count += Number(data.count) || 1;
    live.querySelector("a").textContent = live.dataset.text.replace("{n}", String(count));
    live.hidden = false;
  };
  const source = new EventSource("/v1/events");
  source.addEventListener("alerts.created", came);
  source.addEventListener("message", came);
  // Where there is no such route, or no right to it, the page is as good without.
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && source.close());
})();
