// BullMQ's queues: one for all handlers, or one for each of them.

import { Redis } from "ioredis";
import { Queue } from "bullmq";

export const QUEUES = (process.env.BENCH_QUEUES || "bench").split(",");

export function connect(options = {}) {
  return new Redis(process.env.BENCH_REDIS_URL, { maxRetriesPerRequest: null, ...options });
}

export function openQueues() {
  return QUEUES.map((name) => new Queue(name, {
    connection: connect(),
    defaultJobOptions: { removeOnComplete: true, removeOnFail: 1000 },
  }));
}
