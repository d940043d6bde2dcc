'use strict';
// node's memjs (binary), as it comes. Protocol of the pipe: README.md of this folder.
const memjs = require('memjs');
const { Hit, serve } = require('./serve.js');

const [host, port] = process.argv.slice(2);
const quietly = { log: () => {} };
const client = memjs.Client.create(`${host}:${port}`, { logger: quietly });

const outcome = (done, notDone) => (isDone) => (isDone ? done : notDone);

async function getMany(keys) {
  const found = await Promise.all(keys.map((key) => client.get(key)));
  return new Map(keys.map((key, i) => [key, found[i].value]).filter(([, value]) => value !== null));
}

async function setMany(expiry, pairs) {
  const stored = await Promise.all(
    [...pairs].map(([key, value]) => client.set(key, value, { expires: expiry })));
  return stored.every(Boolean) ? 'stored' : 'not_stored';
}

function stats() {
  return new Promise((resolve, reject) => {
    client.stats((error, _server, numbers) => {
      if (error) reject(error);
      else resolve('curr_connections' in numbers ? 'stats' : 'incomplete');
    });
  });
}

// What is sent together is answered in order; a counter begins by itself.
async function extras(key) {
  await client.delete(key);
  const answers = await Promise.all([client.set(key, 'a', {}), client.get(key), client.append(key, 'b'),
    client.get(key), client.delete(key), client.get(key)]);
  if (String(answers[1].value) !== 'a' || String(answers[3].value) !== 'ab') return 'failed order';
  if (answers[5].value !== null) return 'failed delete';
  const begun = await client.increment(key, 1, { initial: 41 });
  return begun.value === 41 ? 'ok' : 'failed increment';
}

const operations = {
  get: async (key) => {
    const { value } = await client.get(key);
    return value === null ? 'miss' : new Hit(value);
  },
  set: (key, expiry, value) => client.set(key, value, { expires: expiry })
    .then(outcome('stored', 'not_stored')),
  add: (key, expiry, value) => client.add(key, value, { expires: expiry })
    .then(outcome('stored', 'not_stored')),
  replace: (key, expiry, value) => client.replace(key, value, { expires: expiry })
    .then(outcome('stored', 'not_stored')),
  append: (key, expiry, value) => client.append(key, value).then(outcome('stored', 'not_stored')),
  prepend: (key, expiry, value) => client.prepend(key, value).then(outcome('stored', 'not_stored')),
  delete: (key) => client.delete(key).then(outcome('deleted', 'not_found')),
  touch: (key, expiry) => client.touch(key, expiry).then(outcome('touched', 'not_found')),
  incr: async (key, amount) => (await client.increment(key, amount, {})).value,
  decr: async (key, amount) => (await client.decrement(key, amount, {})).value,
  get_many: getMany,
  set_many: setMany,
  delete_many: async (keys) => {
    await Promise.all(keys.map((key) => client.delete(key)));
    return 'deleted';
  },
  flush: () => client.flush().then(() => 'flushed'),
  stats,
  extras,
};

// A call that failed leaves a timer or a socket behind, for which the process would wait.
serve(operations).then(() => { client.close(); process.exit(0); });
