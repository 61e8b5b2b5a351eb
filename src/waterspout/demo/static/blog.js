// What pages do besides, where scripts run: live comments, the name check while typing, a preview of
// Markdown, dark or light. Every page works without.

for (const list of document.querySelectorAll("[data-live]")) liveComments(list);
for (const field of document.querySelectorAll("[data-check]")) nameCheck(field);
for (const button of document.querySelectorAll("button[data-preview]")) preview(button);
for (const button of document.querySelectorAll("button.theme")) theme(button);

// Add each comment that the post's WebSocket sends, once; connect again when it is lost, later each
// time.
function liveComments(list, wait = 1000) {
  const last = list.lastElementChild?.dataset.id ?? 0;
  const url = new URL(`${list.dataset.live}?after=${last}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.onopen = () => {
    list.dataset.connected = "";
    wait = 1000;
  };
  socket.onmessage = (event) => {
    const { id, html, deleted } = JSON.parse(event.data);
    const shown = document.getElementById(`comment-${id}`);
    if (deleted) shown?.remove();
    else if (!shown) {
      list.insertAdjacentHTML("beforeend", html);
      list.lastElementChild.classList.add("arrived");
    }
  };
  socket.onclose = () => {
    delete list.dataset.connected;
    setTimeout(liveComments, wait, list, Math.min(2 * wait, 30000));
  };
}

// Ask whether a name is free, a moment after the last letter, and say it beside the field.
function nameCheck(field) {
  const output = document.createElement("output");
  output.className = "name-check";
  output.htmlFor = field.id;
  field.after(output);
  let timer, asked;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    output.textContent = "";
    if (field.value) timer = setTimeout(ask, 250);
  });
  async function ask() {
    asked = field.value;
    const body = new URLSearchParams({ username: asked });
    const headers = { "X-CSRFToken": field.form.elements.csrf_token.value };
    const answer = await fetch(field.dataset.check, { method: "POST", body, headers });
    if (!answer.ok || asked !== field.value) return;
    const { msg } = await answer.json();
    output.className = `name-check ${msg}`;
    output.textContent = msg === "ok" ? field.dataset.ok : field.dataset.fail;
  }
}

// Show what a post will look like, as the server renders it.
function preview(button) {
  const place = document.querySelector(".preview");
  button.hidden = false;
  button.addEventListener("click", async () => {
    const headers = { "X-CSRFToken": button.form.elements.csrf_token.value };
    const body = new URLSearchParams({ content: button.form.elements.content.value });
    const answer = await fetch(button.dataset.preview, { method: "POST", body, headers });
    if (!answer.ok) return;
    place.innerHTML = await answer.text();
    place.hidden = false;
    place.scrollIntoView({ block: "nearest" });
  });
}

// Change between dark and light; the server reads the choice from a cookie.
function theme(button) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme === "system" ? system.matches : root.dataset.theme === "dark");
  button.hidden = false;
  button.setAttribute("aria-pressed", dark());
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    button.setAttribute("aria-pressed", dark());
  });
}
