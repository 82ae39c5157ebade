// What handlers leave behind, in the files of bench/tally.py.

import fs from "node:fs";

const counts = fs.openSync(process.env.BENCH_COUNTS, "r+");
const stamps = fs.openSync(process.env.BENCH_STAMPS, "r+");
const word = Buffer.alloc(8);

function read(file, index) {
  fs.readSync(file, word, 0, 8, 8 * index);
  return word.readBigUInt64LE();
}

function write(file, index, value) {
  word.writeBigUInt64LE(value);
  fs.writeSync(file, word, 0, 8, 8 * index);
}

function takeSlot() {
  const lock = `${process.env.BENCH_COUNTS}.lock`;
  for (;;) {
    try {
      fs.closeSync(fs.openSync(lock, "wx"));
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
  const slot = Number(read(counts, 0));
  write(counts, 0, BigInt(slot + 1));
  write(counts, 3 + 2 * slot, BigInt(process.pid));
  fs.unlinkSync(lock);
  return 2 + 2 * slot;
}

let slot = 0;
let count = 0n;
let written = true;

function flush() {
  written = true;
  write(counts, slot, count);
}

// Written once for all that one turn of the event loop handled: a write costs more than a count.
export function add() {
  slot ||= takeSlot();
  count += 1n;
  if (written) {
    written = false;
    setImmediate(flush);
  }
}

export function stamp(eventId) {
  const number = Number(eventId.slice(-12));
  if (read(stamps, number) === 0n) write(stamps, number, process.hrtime.bigint());
}
