// A BullMQ worker.

import { setTimeout } from "node:timers/promises";
import { Worker } from "bullmq";
import { NAME, connect } from "./queue.mjs";
import { add, stamp } from "./tally.mjs";

const job = process.env.BENCH_JOB;

async function handle({ data }) {
  if (job === "wait") await setTimeout(300);
  if (job === "stamp") stamp(data.event_id);
  add();
}

const worker = new Worker(NAME, handle, {
  connection: connect(),
  concurrency: Number(process.env.BENCH_CONCURRENCY),
});
worker.on("error", (error) => console.error(error));
worker.on("failed", (_job, error) => console.error(error));
