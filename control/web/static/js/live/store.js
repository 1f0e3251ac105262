// What is live now. Rows come with ages by their owner's clock; here they become moments on this
// page's own clock, so that they tick without asking.

const ENDED = "ended";

export class Store {
  constructor(now) {
    this.now = now;
    this.names = { queues: [], agents: [], sites: {}, classes: {} };
    this.clear();
  }

  clear() {
    this.contacts = new Map();
    this.seats = new Map();
    this.boxes = new Map();
  }

  setNames(names) {
    this.names = names;
  }

  setFloor(floor) {
    this.clear();
    this.merge(floor);
  }

  merge(change) {
    for (const row of change.contacts ?? []) this.putContact(row);
    for (const row of change.seats ?? []) this.putSeat(row);
    for (const row of change.appliances ?? []) this.boxes.set(row.name, row);
    const gone = change.gone ?? {};
    for (const name of gone.contacts ?? []) this.contacts.delete(name);
    for (const name of gone.seats ?? []) this.seats.delete(name);
    for (const name of gone.appliances ?? []) this.boxes.delete(name);
  }

  putContact(row) {
    if (row.state === ENDED) this.contacts.delete(row.contact);
    else this.contacts.set(row.contact, { ...row, since: this.now() - (row.age_ms ?? 0) });
  }

  putSeat(row) {
    this.seats.set(row.seat, { ...row, since: this.now() - (row.for_ms ?? 0) });
  }

  // Contacts of one queue that are not yet talking, in the order of their places.
  waiting(queue) {
    const rows = [...this.contacts.values()].filter(
      (row) => row.queue === queue && row.state !== "talking",
    );
    return rows.sort((a, b) => a.since - b.since || (a.contact < b.contact ? -1 : 1));
  }

  allWaiting() {
    return [...this.contacts.values()].filter((row) => row.state !== "talking");
  }

  // Queues of the plan, and any that live contacts name beside them.
  queues() {
    const known = new Set(this.names.queues.map((queue) => queue.name));
    const others = [...new Set([...this.contacts.values()].map((row) => row.queue))]
      .filter((name) => name && !known.has(name))
      .map((name) => ({ name, title: name, target_s: 20 }));
    return [...this.names.queues, ...others];
  }

  // Branches with their boxes and seats; an agent of the plan without a live seat shows as gone.
  branches() {
    const found = new Map();
    const branch = (name) => {
      if (!found.has(name)) found.set(name, { name, title: this.names.sites[name] ?? name, boxes: [], seats: [] });
      return found.get(name);
    };
    for (const box of this.boxes.values()) branch(box.site).boxes.push(box);
    const titles = new Map(this.names.agents.map((agent) => [agent.name, agent.title]));
    for (const seat of this.seats.values()) {
      branch(seat.site).seats.push({ ...seat, title: titles.get(seat.seat) ?? seat.seat });
    }
    for (const agent of this.names.agents) {
      if (!this.seats.has(agent.name)) {
        branch(agent.site).seats.push({ seat: agent.name, title: agent.title, state: "gone", since: null, contact: "" });
      }
    }
    for (const each of found.values()) each.seats.sort((a, b) => (a.title < b.title ? -1 : 1));
    return [...found.values()].sort((a, b) => (a.title < b.title ? -1 : 1));
  }

  queueTitle(name) {
    return this.names.queues.find((queue) => queue.name === name)?.title ?? name;
  }

  agentTitle(name) {
    return this.names.agents.find((agent) => agent.name === name)?.title ?? name;
  }
}
