// The neighbourhood of a stay: zoom, drag, open a node, a slider of days. The page works without this.
"use strict";
(() => {
  const NS = "http://www.w3.org/2000/svg";

  function make(name, attributes, parent) {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (parent) parent.append(made);
    return made;
  }

  function html(name, parent, text) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  }

  function start(holder) {
    const svg = holder.querySelector("svg.net");
    if (!svg || svg.dataset.started) return;
    svg.dataset.started = "1";
    const size = Number(holder.dataset.size);
    const [, larger, smaller, reset, upto] = holder.dataset.more.split("|");
    const nodes = new Map(), edges = [], known = new Set();
    const view = { x: 0, y: 0, w: size, h: size };

    const show = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
    function zoom(factor, cx = view.x + view.w / 2, cy = view.y + view.h / 2) {
      const w = Math.min(Math.max(view.w * factor, size / 10), size * 4), real = w / view.w;
      view.x = cx - (cx - view.x) * real;
      view.y = cy - (cy - view.y) * real;
      view.w = view.h = w;
      show();
    }
    function at(event) {
      const point = new DOMPoint(event.clientX, event.clientY);
      return point.matrixTransform(svg.getScreenCTM().inverse());
    }

    function takeNode(element) {
      const circle = element.querySelector("circle");
      nodes.set(element.dataset.key, { element, circle, text: element.querySelector("text"), x: Number(circle.getAttribute("cx")), y: Number(circle.getAttribute("cy")) });
    }
    function takeEdge(element) {
      const d = element.dataset;
      known.add(`${d.kind}|${d.source}|${d.target}`);
      edges.push({ element, source: d.source, target: d.target, day: d.day });
    }
    svg.querySelectorAll(".node").forEach(takeNode);
    svg.querySelectorAll(".edge").forEach(takeEdge);
    const first = svg.querySelector(".node.first").dataset.key;

    function place(key) {
      const node = nodes.get(key);
      node.circle.setAttribute("cx", node.x);
      node.circle.setAttribute("cy", node.y);
      node.text.setAttribute("x", node.x);
      node.text.setAttribute("y", node.y + (key === first ? 30 : 22));
      for (const edge of edges) {
        if (edge.source === key) { edge.element.setAttribute("x1", node.x); edge.element.setAttribute("y1", node.y); }
        if (edge.target === key) { edge.element.setAttribute("x2", node.x); edge.element.setAttribute("y2", node.y); }
      }
    }

    // tools
    const tools = document.createElement("div");
    tools.className = "tools";
    svg.before(tools);
    for (const [text, act] of [[larger, () => zoom(0.8)], [smaller, () => zoom(1.25)], [reset, () => { Object.assign(view, { x: 0, y: 0, w: size, h: size }); show(); }]]) {
      const button = html("button", tools, text);
      button.type = "button";
      button.className = "quiet small";
      button.addEventListener("click", act);
    }
    const label = html("label", tools, `${upto} `), slider = html("input", label), output = html("output", label);
    slider.type = "range";
    slider.min = 0;
    let days = [];
    function setDays() {
      const chosen = days[Number(slider.value)];
      days = [...new Set(edges.map((edge) => edge.day).filter(Boolean))].sort();
      slider.max = Math.max(days.length - 1, 0);
      slider.value = chosen && days.includes(chosen) ? days.indexOf(chosen) : slider.max;
      filter();
    }
    function filter() {
      const day = days[Number(slider.value)] || "";
      output.textContent = ` ${day}`;
      const alive = new Set([first]);
      for (const edge of edges) {
        const gone = Boolean(edge.day && day && edge.day > day);
        edge.element.classList.toggle("gone", gone);
        if (!gone) { alive.add(edge.source); alive.add(edge.target); }
      }
      for (const [key, node] of nodes) node.element.classList.toggle("gone", !alive.has(key));
    }
    slider.addEventListener("input", filter);
    setDays();

    // open a node: what lies one step around it joins the picture
    async function open(key) {
      const centre = nodes.get(key);
      const query = new URLSearchParams({ of: key, hops: "1", fan: "20", limit: "60" });
      const day = new URLSearchParams(location.search).get("upto");
      if (day) query.set("upto", day);
      let found;
      try {
        const answer = await fetch(`/v1/graph/neighbourhood?${query}`);
        if (!answer.ok) throw new Error(String(answer.status));
        found = await answer.json();
      } catch {
        let said = holder.querySelector(".notice.failed");
        if (!said) {
          said = document.createElement("p");
          said.className = "notice failed";
          said.setAttribute("role", "status");
          svg.before(said);
        }
        said.textContent = holder.dataset.failed;
        return;
      }
      const fresh = found.nodes.filter((node) => !nodes.has(node.key));
      const outward = Math.atan2(centre.y - size / 2, centre.x - size / 2);
      fresh.forEach((node, i) => {
        const turn = fresh.length > 1 ? (i / (fresh.length - 1) - 0.5) * Math.PI * 1.2 : 0;
        const x = centre.x + 95 * Math.cos(outward + turn), y = centre.y + 95 * Math.sin(outward + turn);
        const text = node.id.length > 12 ? `${node.id.slice(0, 9)}…` : node.id;
        const made = make("a", { class: `node ${node.kind}`, href: link(node.key), "data-key": node.key, "data-kind": node.kind, "aria-label": `${node.kind} ${text}` }, svg.querySelector(".nodes"));
        make("circle", { cx: x, cy: y, r: 10 }, made);
        make("text", { x, y: y + 22 }, made).textContent = text;
        takeNode(made);
      });
      for (const edge of found.edges) {
        const id = `${edge.kind}|${edge.source}|${edge.target}`;
        const from = nodes.get(edge.source), to = nodes.get(edge.target);
        if (known.has(id) || !from || !to) continue;
        takeEdge(make("line", { class: "edge", "data-source": edge.source, "data-target": edge.target, "data-kind": edge.kind, "data-day": edge.first_day || "", x1: from.x, y1: from.y, x2: to.x, y2: to.y }, svg.querySelector(".edges")));
      }
      setDays();
    }
    function link(key) {
      const here = new URL(svg.querySelector(".node.first").getAttribute("href"), location.href);
      here.searchParams.set("of", key);
      return `${here.pathname}${here.search}`;
    }

    // drag nodes or the whole; a press that does not move opens
    let held = null;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const node = event.target.closest(".node"), point = at(event);
      held = { key: node && node.dataset.key, from: point, x: view.x, y: view.y, moved: false };
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      if (!held) return;
      const point = at(event);
      if (Math.hypot(point.x - held.from.x, point.y - held.from.y) > 4) held.moved = true;
      if (!held.moved) return;
      if (held.key) {
        Object.assign(nodes.get(held.key), { x: point.x, y: point.y });
        place(held.key);
      } else {
        view.x += held.from.x - point.x;
        view.y += held.from.y - point.y;
        show();
      }
    });
    svg.addEventListener("pointerup", () => {
      const was = held;
      held = null;
      if (was && was.key && !was.moved) open(was.key);
    });
    svg.addEventListener("pointercancel", () => { held = null; });
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    svg.addEventListener("click", (event) => {
      const node = event.target.closest(".node");
      // A click with the pointer was handled above; Enter on a node arrives here alone.
      if (node && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        if (event.detail === 0) open(node.dataset.key);
      } else if (event.detail > 0) event.preventDefault();
    });
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page still scrolls
      event.preventDefault();
      const point = at(event);
      zoom(event.deltaY > 0 ? 1.15 : 0.87, point.x, point.y);
    }, { passive: false });
  }

  document.querySelectorAll(".graph").forEach(start);

  // On the case's page: fetch the neighbourhood once its place comes into view.
  document.querySelectorAll("[data-graph]").forEach((place) => {
    const link = place.querySelector("a");
    link.addEventListener("click", async (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      try {
        const answer = await fetch(place.dataset.graph);
        const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".graph");
        if (!answer.ok || !found) throw new Error(String(answer.status));
        place.after(found);
        start(found);
        place.querySelector(".note").remove();
        link.remove();
      } catch {
        location.href = link.href;
      }
    });
  });
})();
