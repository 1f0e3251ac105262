// Draws a line from each offered contact to the seat it is offered to.

const SVG = "http://www.w3.org/2000/svg";

export class Lines {
  constructor(floor, svg) {
    this.floor = floor;
    this.svg = svg;
  }

  draw() {
    const ground = this.floor.getBoundingClientRect();
    const paths = [];
    for (const contact of this.floor.querySelectorAll(".contact.offered")) {
      const name = contact.dataset.seat;
      const seat = name && this.floor.querySelector(`.seat[data-key="${CSS.escape(name)}"]`);
      if (seat) paths.push(this.curve(contact.getBoundingClientRect(), seat.getBoundingClientRect(), ground));
    }
    while (this.svg.childElementCount > paths.length) this.svg.lastElementChild.remove();
    paths.forEach((d, index) => {
      let path = this.svg.children[index];
      if (!path) {
        path = document.createElementNS(SVG, "path");
        this.svg.append(path);
      }
      if (path.getAttribute("d") !== d) path.setAttribute("d", d);
    });
  }

  curve(from, to, ground) {
    const x1 = from.left + from.width / 2 - ground.left;
    const y1 = from.bottom - ground.top;
    const x2 = to.left + to.width / 2 - ground.left;
    const y2 = to.top - ground.top;
    const bend = Math.max(24, (y2 - y1) / 2);
    return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
  }
}
