// BullMQ's queue.

import { Redis } from "ioredis";
import { Queue } from "bullmq";

export const NAME = "bench";

export function connect(options = {}) {
  return new Redis(process.env.BENCH_REDIS_URL, { maxRetriesPerRequest: null, ...options });
}

export function openQueue() {
  return new Queue(NAME, {
    connection: connect(),
    defaultJobOptions: { removeOnComplete: true, removeOnFail: 1000 },
  });
}
