// What makes the pages quicker to use. Every page does its work without it.
"use strict";
(() => {
  const zh = document.documentElement.lang.startsWith("zh");
  const say = (chinese, english) => (zh ? chinese : english);
  const all = (selector) => document.querySelectorAll(selector);

  // Dialogues: <a href="/plain/page" data-dialog="ID"> opens <dialog id="ID"> in place of the page.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (!dialog || !dialog.showModal || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      dialog.showModal();
      return;
    }
    const closer = event.target.closest("dialog [data-close]");
    if (closer) {
      event.preventDefault();
      closer.closest("dialog").close();
    }
  });

  // Dangerous actions ask once more: <form data-confirm="…"> or <button data-confirm="…">.
  document.addEventListener("submit", (event) => {
    const asked = (event.submitter && event.submitter.dataset.confirm) || event.target.dataset.confirm;
    if (asked && !window.confirm(asked)) event.preventDefault();
  });
  // One click, one request; after five seconds the form may be sent again (a download leaves the page).
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || event.submitter?.formMethod === "get") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    form.setAttribute("aria-busy", "true");
    window.setTimeout(() => free(form), 5000);
  });
  const free = (form) => {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  };
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach(free));

  // Filters marked data-submit send themselves when a choice changes.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submit]");
    if (form && event.target.matches("select, [type=checkbox], [type=radio]")) form.requestSubmit();
  });

  // A box in the head ticks every box of its table; the toolbar says how many are chosen.
  const count = () => {
    for (const place of all("[data-chosen]")) {
      const form = place.closest("form") || document;
      const boxes = form.querySelectorAll("tbody input[type=checkbox]:checked");
      place.textContent = place.dataset.chosen.replace("{n}", boxes.length);
    }
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) {
      for (const box of event.target.closest("table").querySelectorAll("tbody input[type=checkbox]")) {
        box.checked = event.target.checked;
      }
    }
    if (event.target.matches("input[type=checkbox]")) count();
  });
  for (const box of all("[data-all][hidden]")) box.hidden = false;
  count();

  // Ids marked data-copy get a button that copies them.
  if (navigator.clipboard) {
    for (const id of all("[data-copy]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet copy";
      button.textContent = say("复制", "Copy");
      button.setAttribute("aria-label", say("复制 ", "Copy ") + id.textContent.trim());
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(id.dataset.copy || id.textContent.trim());
        button.textContent = say("已复制", "Copied");
        window.setTimeout(() => (button.textContent = say("复制", "Copy")), 2000);
      });
      id.after(button);
    }
  }

  // <time datetime data-relative> says how long ago, and keeps the instant as its title.
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  const scales = [[60, "second"], [60, "minute"], [24, "hour"], [30, "day"], [12, "month"], [Infinity, "year"]];
  for (const time of all("time[data-relative][datetime]")) {
    let ago = (new Date(time.dateTime) - Date.now()) / 1000;
    if (Number.isNaN(ago)) continue;
    time.title = time.textContent.trim();
    for (const [size, unit] of scales) {
      if (Math.abs(ago) < size) {
        time.textContent = words.format(Math.round(ago), unit);
        break;
      }
      ago /= size;
    }
  }

  // <details id="…" data-keep> stays as it was left, for this tab.
  for (const details of all("details[id][data-keep]")) {
    const key = "open:" + location.pathname.split("/")[1] + ":" + details.id;
    const kept = sessionStorage.getItem(key);
    if (kept) details.open = kept === "1";
    details.addEventListener("toggle", () => sessionStorage.setItem(key, details.open ? "1" : "0"));
  }

  // A link into a closed <details> opens it; an error summary takes the focus.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = target && target.closest("details");
    if (details) details.open = true;
  };
  window.addEventListener("hashchange", reveal);
  reveal();
  const errors = document.querySelector(".errors[tabindex]");
  if (errors) errors.focus();
})();
