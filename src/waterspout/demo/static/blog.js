// What pages do besides, where scripts run: live comments, the name check, preview, dark or light.

liveComments(document.querySelector("[data-live]"));

// Add each comment that the post's WebSocket sends, once; connect again when it is lost.
function liveComments(list) {
  if (!list) return;
  const last = list.lastElementChild?.dataset.id ?? 0;
  const url = new URL(`${list.dataset.live}?after=${last}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.onmessage = (event) => {
    const { id, html } = JSON.parse(event.data);
    if (!document.getElementById(`comment-${id}`)) list.insertAdjacentHTML("beforeend", html);
  };
  socket.onclose = () => setTimeout(liveComments, 3000, list);
}
