// A backtest that runs: follow it, and show the page anew when it is done. Without this there is a link.
"use strict";
(() => {
  const place = document.getElementById("progress");
  if (!place) return;
  const again = async () => {
    try {
      const answer = await fetch(place.dataset.job, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const job = await answer.json();
      const bar = place.querySelector("progress");
      if (job.status === "done" || job.status === "failed" || (!bar && job.total)) {
        location.reload();
        return;
      }
      if (bar) bar.value = job.done;
    } catch {
      return;
    }
    setTimeout(again, 1500);
  };
  setTimeout(again, 1000);
})();
