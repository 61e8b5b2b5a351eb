// What pages do besides, where scripts run: live comments, the name check while typing, a preview of
// Markdown, dark or light. Every page works without.

for (const list of document.querySelectorAll("[data-live]")) liveComments(list);
for (const field of document.querySelectorAll("[data-check]")) nameCheck(field);
for (const form of document.querySelectorAll("form[data-preview]")) preview(form);
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
    const { id, html, deleted, gone } = JSON.parse(event.data);
    if (gone) {
      socket.onclose = null; // the post is deleted: there is nothing to connect to again
      socket.close();
      return;
    }
    const shown = document.getElementById(`comment-${id}`);
    if (deleted) shown?.remove();
    if (deleted || shown) return;
    list.insertAdjacentHTML("beforeend", html);
    list.lastElementChild.classList.add("arrived");
  };
  socket.onclose = () => {
    delete list.dataset.connected;
    setTimeout(liveComments, wait, list, Math.min(2 * wait, 30000));
  };
}

// Ask whether a name is free, a moment after the last letter, and say it below the field.
function nameCheck(field) {
  const place = field.form.querySelector(".check");
  let timer;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    place.textContent = "";
    if (field.value) timer = setTimeout(ask, 250, field.value);
  });
  async function ask(username) {
    const answer = await send(field.form, field.dataset.check, { username });
    if (!answer.ok || username !== field.value) return;
    const { msg } = await answer.json();
    place.className = `check ${msg}`;
    place.textContent = place.dataset[msg];
  }
}

// Show below the form what the post will look like, a moment after the last letter.
function preview(form) {
  const place = document.querySelector(".preview");
  const { content, preview: button } = form.elements;
  let timer;
  content.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 400, content.value);
  });
  button.addEventListener("click", async (event) => {
    event.preventDefault(); // the button sends the form where no script runs
    await show(content.value);
    place.scrollIntoView({ block: "nearest" });
  });
  async function show(text) {
    const answer = await send(form, form.dataset.preview, { content: text });
    if (!answer.ok || text !== content.value) return;
    place.querySelector(".prose").innerHTML = await answer.text();
    place.hidden = false;
  }
}

// Send fields with the form's token.
function send(form, url, fields) {
  const headers = { "X-CSRFToken": form.elements.csrf_token.value };
  return fetch(url, { method: "POST", body: new URLSearchParams(fields), headers });
}

// Change between dark and light; the server reads the choice from a cookie.
function theme(button) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => root.dataset.theme === "dark" || (root.dataset.theme === "system" && system.matches);
  button.hidden = false;
  button.setAttribute("aria-pressed", dark());
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    button.setAttribute("aria-pressed", dark());
  });
}
