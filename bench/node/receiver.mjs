// Express + svix + BullMQ: `node receiver.mjs PORT`.

import express from "express";
import { Webhook } from "svix";
import { openQueues } from "./queue.mjs";

// What each event is enqueued for: once, or for each of two handlers.
const HANDLERS = (process.env.BENCH_HANDLERS || "handle").split(",");
const queues = openQueues();
const webhook = new Webhook(process.env.BENCH_SECRET);
const app = express();

app.post("/webhooks/seam", express.raw({ type: "application/json" }), async (request, response) => {
  let event;
  try {
    event = webhook.verify(request.body, request.headers);
  } catch {
    response.status(400).end();
    return;
  }
  if (typeof event.event_id !== "string" || typeof event.event_type !== "string") {
    response.status(400).end();
    return;
  }
  await Promise.all(HANDLERS.map((handler, at) => queues[at % queues.length].add(handler, event)));
  response.status(202).end();
});

await Promise.all(queues.map((queue) => queue.waitUntilReady()));
app.listen(Number(process.argv[2]), "127.0.0.1");
