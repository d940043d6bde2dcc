'use strict';
// The memjs client of bench/preload, binary; what it is asked for: measure.py. HOST PORT...
const readline = require('readline');
const memjs = require('memjs');

const [host, ...ports] = process.argv.slice(2);
const servers = ports.map((port) => `${host}:${port}`).join(',');
const client = memjs.Client.create(servers, { timeout: 10 });
const value = Buffer.alloc(100, 'v');
let keys = [];

async function operate(i, key) {
  if (i % 10 === 9) return client.set(key, value, {});
  const found = await client.get(key);
  return found.value !== null && found.value.length === value.length;
}

async function work(count, seed) {
  let state = BigInt(seed);
  const took = [];
  for (let i = 0; i < count; i += 1) {
    state = (state * 1103515245n + 12345n) & 0x7fffffffn;
    const key = keys[Number(state >> 8n) % keys.length];
    const begun = process.hrtime.bigint();
    if (!await operate(i, key)) throw new Error('an operation failed');
    took.push(Number(process.hrtime.bigint() - begun));
  }
  took.sort((a, b) => a - b);
  return `${took[Math.floor(count / 2)]} ${took[Math.floor((count * 99) / 100)]}`;
}

async function answer(line) {
  const [verb, count, seed] = line.split(' ');
  if (verb !== 'fill') return work(Number(count), seed);
  keys = Array.from({ length: Number(count) }, (_, i) => `bench-${String(i).padStart(6, '0')}`);
  for (const key of keys) await client.set(key, value, {});
  return 'filled';
}

async function serve() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${await answer(line)}\n`);
  }
  client.close();
}

serve().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
