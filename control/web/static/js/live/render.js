// Draws the floor. Elements are kept by key and changed in place, so that nothing flickers and
// the age bars move smoothly.

const STATES = {
  ready: "ready", reserved: "offered", ringing: "ringing", talking: "talking",
  "wrap-up": "notes", paused: "paused", away: "away", gone: "not logged in",
};
// contacts drawn per queue; the rest is a number
const SHOWN = 12;

export function clock(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  if (s >= 3600) return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return `${Math.floor(s / 60)}:${two(s % 60)}`;
}

function node(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Make the children of *parent* be those of *rows*, in order, kept by key.
function keyed(parent, rows, key, make, fill) {
  const kept = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = parent.firstElementChild;
  for (const row of rows) {
    const name = key(row);
    let child = kept.get(name);
    if (!child) {
      child = make(row);
      child.dataset.key = name;
    }
    kept.delete(name);
    if (child === before) before = before.nextElementSibling;
    else parent.insertBefore(child, before);
    fill(child, row);
  }
  for (const child of kept.values()) child.remove();
}

export class Floor {
  constructor(store) {
    this.store = store;
    this.queues = document.getElementById("queues");
    this.branches = document.getElementById("branches");
  }

  draw() {
    const now = this.store.now();
    keyed(this.queues, this.store.queues(), (q) => q.name, makeQueue, (e, q) => this.fillQueue(e, q, now));
    keyed(this.branches, this.store.branches(), (b) => b.name, makeBranch, (e, b) => this.fillBranch(e, b, now));
    this.tally(now);
  }

  tally(now) {
    const waiting = this.store.allWaiting();
    const seats = [...this.store.seats.values()];
    const boxes = [...this.store.boxes.values()];
    const longest = waiting.length ? Math.max(...waiting.map((row) => now - row.since)) : 0;
    put("t-waiting", String(waiting.length));
    put("t-longest", waiting.length ? clock(longest) : "–");
    put("t-talking", String(seats.filter((seat) => seat.state === "talking").length));
    put("t-ready", String(seats.filter((seat) => seat.state === "ready").length));
    put("t-boxes", `${boxes.filter((box) => box.up).length}/${boxes.length}`);
  }

  fillQueue(element, queue, now) {
    const rows = this.store.waiting(queue.name);
    const [header, sum, list, nobody] = element.children;
    write(header.children[0], queue.title);
    write(header.children[1], String(rows.length));
    write(sum, `answer within ${queue.target_s} s`);
    nobody.hidden = rows.length > 0;
    const shown = rows.slice(0, SHOWN);
    keyed(list, shown, (row) => row.contact, makeContact, (e, row) => this.fillContact(e, row, queue, now));
    if (rows.length > SHOWN) {
      const more = node("li", "contact more", `and ${rows.length - SHOWN} more`);
      more.dataset.key = "+";
      list.append(more);
    }
  }

  fillContact(element, row, queue, now) {
    const [fill, age, what, klass] = element.children;
    const passed = now - row.since;
    const share = passed / 1000 / queue.target_s;
    fill.style.width = `${Math.min(100, share * 50)}%`;
    const offered = row.state !== "waiting";
    element.classList.toggle("due", share >= 0.75 && share < 1);
    element.classList.toggle("late", share >= 1);
    element.classList.toggle("offered", offered);
    element.dataset.seat = offered ? row.seat : "";
    write(age, clock(passed));
    write(what, offered && row.seat ? `→ ${this.store.agentTitle(row.seat)}` : `at ${row.owner}`);
    write(klass, row.klass ?? "");
    element.title = `contact ${row.contact}, ${row.state}`;
  }

  fillBranch(element, branch, now) {
    const [header, seats, nobody] = element.children;
    write(header.children[0], branch.title);
    keyed(header.children[1], branch.boxes, (b) => b.name, () => node("span", "lamp"), (e, box) => {
      e.className = `lamp ${box.up ? "up" : "down"}`;
      write(e, `${box.name} ${box.up ? "up" : "down"}`);
    });
    nobody.hidden = branch.seats.length > 0;
    keyed(seats, branch.seats, (seat) => seat.seat, makeSeat, (e, seat) => this.fillSeat(e, seat, now));
  }

  fillSeat(element, seat, now) {
    const [name, state, beside] = element.children;
    const contact = seat.contact ? this.store.contacts.get(seat.contact) : undefined;
    element.dataset.state = seat.state;
    write(name, seat.title);
    write(state.children[0], STATES[seat.state] ?? seat.state);
    write(state.children[1], seat.since === null ? "" : clock(now - seat.since));
    let text = "";
    if (contact) {
      text = this.store.queueTitle(contact.queue);
      if (contact.owner !== seat.owner) text += ` · via ${contact.owner}`;
    }
    write(beside, text);
  }
}

function put(id, text) {
  write(document.getElementById(id), text);
}

function makeQueue() {
  const element = node("article", "queue");
  const header = node("header");
  header.append(node("h3"), node("span", "count"));
  element.append(header, node("p", "sum"), node("ol"), node("p", "nobody", "Nobody waits."));
  return element;
}

function makeContact() {
  const element = node("li", "contact");
  element.append(node("span", "fill"), node("span", "age"), node("span", "what"), node("span", "klass"));
  return element;
}

function makeBranch() {
  const element = node("article", "branch");
  const header = node("header");
  header.append(node("h3"), node("span", "boxes"));
  element.append(header, node("ul", "seats"), node("p", "nobody", "No agent has a seat here."));
  return element;
}

function makeSeat() {
  const element = node("li", "seat");
  const state = node("div", "state");
  state.append(node("span"), node("time"));
  element.append(node("div", "name"), state, node("div", "with"));
  return element;
}
