// Two small comforts; the guestbook works without them.

// How long the server took, as it says itself in the Server-Timing header.
const timing = performance.getEntriesByType("navigation")[0]?.serverTiming?.find((t) => t.name === "view");
const place = document.getElementById("timing");
if (timing && place) place.textContent = ` in ${timing.duration.toFixed(1)} ms`;

// The live page: each event carries one entry as HTML that the server has already escaped.
const live = document.getElementById("live");
if (live) {
  const lamp = document.getElementById("lamp");
  const text = document.getElementById("lamp-text");
  const show = (state, words) => {
    lamp.dataset.state = state;
    text.textContent = words;
  };
  const source = new EventSource(live.dataset.events);
  source.onopen = () => show("on", "Watching");
  source.onerror = () => show("off", "Connection lost; trying again …");
  source.addEventListener("entry", (event) => {
    const shell = document.createElement("template");
    shell.innerHTML = event.data;
    const note = shell.content.firstElementChild;
    if (document.getElementById(note.id)) return;
    note.classList.add("fresh");
    live.prepend(note);
    while (live.children.length > 50) live.lastElementChild.remove();
  });
}
