// The demo's panel: asks for the state each second and shows it.
const $ = (id) => document.getElementById(id);

function row(cells) {
  const tr = document.createElement("tr");
  for (const [text, name] of cells) {
    const td = document.createElement("td");
    td.textContent = text;
    if (name) td.className = name;
    tr.append(td);
  }
  return tr;
}

async function refresh() {
  let s;
  try {
    s = await (await fetch("/state")).json();
  } catch {
    $("equation").textContent = "The demo has ended.";
    return;
  }
  $("board").href = s.board;
  const facts = [
    ["Gateway", s.gatewayPid ? `runs, pid ${s.gatewayPid}, started ${s.starts === 1 ? "once" : `${s.starts} times`}` : "is not running"],
    ["Network", s.network],
    ["PubNub answers", s.pubnubStatus ? String(s.pubnubStatus) : "normally"],
    ["Data limit", `${s.limit}${s.used ? `, ${(s.used / 1e6).toFixed(1)} MB used of ${(s.budget / 1e6).toFixed(0)}` : ""}`],
    ["Patients", `${s.patients.checkedIn} checked in, ${s.patients.served} seen, ${s.patients.failed} turned away${s.patients.paused ? " (paused: a person has the kiosk)" : ""}`],
    ["Devices", `lamp ${s.devices.lamp || "off"}, sounder ${s.devices.sounder || "off"}, ${s.devices.tickets} tickets printed${/[A-Z]-[0-9]+/.test(s.devices.ticket) ? `, the last one ${/[A-Z]-[0-9]+/.exec(s.devices.ticket)[0]}` : ""}`],
    ["Last patient's trouble", s.patients.trouble || "none"],
  ];
  $("now").replaceChildren(...facts.flatMap(([k, v]) => {
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = k;
    dd.textContent = v;
    return [dt, dd];
  }));
  if (s.counts) {
    const c = s.counts;
    const sum = c.delivered + c.queued + c.quarantined + c.expired + c.dropped + c.unreadable;
    $("equation").textContent = `accepted ${c.accepted} = delivered ${c.delivered} + queued ${c.queued} + quarantined ${c.quarantined} + expired ${c.expired} + dropped ${c.dropped} + unreadable ${c.unreadable}`;
    $("equation").className = sum === c.accepted && s.balanced ? "equation" : "equation off";
  }
  const l = s.ledger;
  $("reader").textContent = `A key holder has ${l.events} events once each, from ${l.messages} messages (${l.batches} batches); repeats dropped ${l.duplicates}, out of order ${l.inversions}, missing ${l.missing}, bad signatures ${l.badSignatures}, in the clear ${l.plaintext}.`;
  $("reader").className = l.inversions + l.badSignatures + l.plaintext === 0 ? "equation" : "equation off";
  $("wire").replaceChildren(...s.wire.toReversed().slice(0, 25).map((m) => row([
    [new Date(m.at).toLocaleTimeString(), ""],
    [`${m.channel}${m.events > 1 ? ` (${m.events} events)` : ""}`, ""],
    [m.wire, "cipher"],
    [m.read ? JSON.stringify(m.read) : "", "plain"],
  ])));
}

document.addEventListener("click", async (e) => {
  const b = e.target.closest("button[data-act]");
  if (!b) return;
  const body = {};
  if (b.dataset.device) body.device = b.dataset.device;
  if (b.dataset.state) body.state = b.dataset.state;
  if (b.dataset.status) body.status = Number(b.dataset.status);
  if (b.dataset.perMinute) body.perMinute = Number(b.dataset.perMinute);
  $("said").textContent = "…";
  const r = await fetch(`/action/${b.dataset.act}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  $("said").textContent = r.ok ? (await r.json()).done : await r.text();
  refresh();
});

refresh();
setInterval(refresh, 1000);
