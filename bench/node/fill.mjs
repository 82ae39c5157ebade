// `node fill.mjs FILE`: enqueues the events of a file, a line each.

import fs from "node:fs";
import { openQueues } from "./queue.mjs";

const BATCH = 500;
const lines = fs.readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean);
const [queue] = openQueues();
for (let first = 0; first < lines.length; first += BATCH) {
  const batch = lines.slice(first, first + BATCH).map((line) => JSON.parse(line));
  await queue.addBulk(batch.map((event) => ({ name: event.event_type, data: event })));
}
await queue.close();
process.exit(0);
