// Draws the charts of the cockpit with Plotly, over the SVG that came with the page.
"use strict";
(function () {
  if (!window.Plotly) return;
  const ink = "#1b2733", soft = "#51606e", brand = "#12507b", gain = "#2b7a4b", loss = "#b3402a";
  const grid = "#e4e9ee";
  function axis(title, more) {
    return Object.assign({ gridcolor: grid, zerolinecolor: "#8796a5", automargin: true, fixedrange: true, title: { text: title || "" } }, more);
  }
  const kinds = {
    line: function (d) {
      return [[{ type: "scatter", mode: "lines+markers", x: d.x, y: d.y, line: { color: brand, width: 2.2 }, hovertemplate: "%{x}<br>%{y:,.4~f} " + d.unit + "<extra></extra>" }],
        { xaxis: axis("", { type: "category" }), yaxis: axis(d.unit) }];
    },
    columns: function (d) {
      return [[{ type: "bar", x: d.x, y: d.y, marker: { color: d.y.map(function (v) { return v < 0 ? loss : gain; }) }, hovertemplate: "%{x}<br>%{y:,.2f} " + d.unit + "<extra></extra>" }],
        { xaxis: axis("", { type: "category" }), yaxis: axis(d.unit) }];
    },
    bubbles: function (d) {
      const most = Math.max.apply(null, d.sizes);
      const lines = [{ x0: 1, x1: 1, yref: "paper", y0: 0, y1: 1 }, { y0: 1, y1: 1, xref: "paper", x0: 0, x1: 1 }];
      return [[{ type: "scatter", mode: "markers+text", x: d.x, y: d.y, text: d.labels, hovertext: d.names, customdata: d.sizes, textposition: "top center", textfont: { size: 11 },
        marker: { size: d.sizes.map(function (s) { return 8 + 32 * Math.sqrt(s / most); }), color: "#5784ab", opacity: 0.55, line: { color: brand, width: 1 } },
        hovertemplate: "%{hovertext}<br>" + d.x_title + " %{x:.3f}<br>" + d.y_title + " %{y:.3f}<br>" + d.counted + " %{customdata:,}<extra></extra>" }],
        { xaxis: axis(d.x_title, { zeroline: false }), yaxis: axis(d.y_title, { zeroline: false }),
          shapes: lines.map(function (l) { return Object.assign({ type: "line", line: { color: "#8796a5", width: 1 } }, l); }) }];
    },
    bars: function (d) {
      return [[{ type: "bar", orientation: "h", y: d.names, x: d.values, marker: { color: d.values.map(function (v) { return v < 0 ? loss : gain; }) }, hovertemplate: "%{y}<br>%{x:,.2f} " + d.unit + "<extra></extra>" }],
        { xaxis: axis(d.unit), yaxis: axis("", { autorange: "reversed", type: "category" }) }];
    },
  };
  document.querySelectorAll("[data-chart]").forEach(function (place) {
    const block = document.getElementById("data-" + place.dataset.chart);
    const data = JSON.parse(block.textContent);
    const made = kinds[data.kind](data);
    const drawing = document.createElement("div");
    drawing.className = "plot drawn";
    place.before(drawing);
    const layout = Object.assign({ margin: { l: 56, r: 12, t: 12, b: 40 }, showlegend: false, paper_bgcolor: "#fff", plot_bgcolor: "#fff",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: soft }, hoverlabel: { bgcolor: "#fff", font: { color: ink } } }, made[1]);
    window.Plotly.newPlot(drawing, made[0], layout, { displayModeBar: false, responsive: true }).then(function () {
      place.hidden = true;
    }, function () { drawing.remove(); });
  });
})();
