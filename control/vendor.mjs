// Copies what the pages use from node_modules to web/static/vendor, with its licence beside it.
import { cpSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "web", "static", "vendor");
mkdirSync(vendor, { recursive: true });
cpSync(join(here, "node_modules", "htmx.org", "dist", "htmx.min.js"), join(vendor, "htmx.min.js"));
cpSync(join(here, "node_modules", "htmx.org", "LICENSE"), join(vendor, "htmx.LICENSE"));
