// A BullMQ worker.

import { setTimeout } from "node:timers/promises";
import { Worker } from "bullmq";
import { QUEUES, connect } from "./queue.mjs";
import { add, stamp } from "./tally.mjs";

const job = process.env.BENCH_JOB;

function compute(microseconds) {
  const began = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(began);
    if (user + system >= microseconds) return;
  }
}

async function handle({ name, data }) {
  if (name === "sleep") return setTimeout(5000);
  if (job === "wait") await setTimeout(300);
  if (job === "compute") compute(1000);
  if (job === "stamp" || name === "stamp") stamp(data.event_id);
  add();
}

for (const queue of QUEUES) {
  const worker = new Worker(queue, handle, {
    connection: connect(),
    concurrency: Number(process.env.BENCH_CONCURRENCY),
  });
  worker.on("error", (error) => console.error(error));
  worker.on("failed", (_job, error) => console.error(error));
}
