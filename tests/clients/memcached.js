'use strict';
// node's memcached. A server's error ends its connection and marks the server failed for `retry`, and after
// `failures` of them dead for `reconnect`: 30 s and 5 hours as it comes, for there may be other servers. With one
// address there are none. A command whose connection ends is never answered, so each call has a deadline here.
// Protocol of the pipe: README.md of this folder.
const Memcached = require('memcached');
const { Hit, serve } = require('./serve.js');

const DEADLINE_MS = 4000;
const [host, port] = process.argv.slice(2);
const client = new Memcached(`${host}:${port}`,
  { retry: 1, failures: 1e9, reconnect: 1000, maxValue: 2 * 1024 * 1024, timeout: 1000, minTimeout: 10, retries: 1 });
let token = '0';

// What the callback was given; an error is thrown.
function call(method, ...words) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), DEADLINE_MS);
    client[method](...words, (error, result) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(result);
    });
  });
}

async function store(method, ...words) {
  try {
    return await call(method, ...words) ? 'stored' : 'not_stored';
  } catch (error) {
    if (error.notStored) return 'not_stored';
    throw error;
  }
}

const number = (result) => (result === false ? 'not_found' : result);
// After a server's error the result is false.
function found(value) {
  if (value === false) return 'error of the server';
  return value === undefined ? 'miss' : new Hit(value);
}

async function getMany(keys) {
  const values = await call('getMulti', keys);
  return new Map(Object.entries(values));
}

async function setMany(expiry, pairs) {
  const stored = await Promise.all([...pairs].map(([key, value]) => store('set', key, value, expiry)));
  return stored.every((outcome) => outcome === 'stored') ? 'stored' : 'not_stored';
}

// Its own types travel in the flags.
async function extras(key) {
  for (const value of [7, 'text', { a: [1, 2] }]) {
    await call('set', key, value, 0);
    if (JSON.stringify(await call('get', key)) !== JSON.stringify(value)) return `failed ${typeof value}`;
  }
  return 'ok';
}

serve({
  get: async (key) => found(await call('get', key)),
  gets: async (key) => {
    const result = await call('gets', key);
    if (!result) return found(result);
    token = result.cas;
    return new Hit(result[key]);
  },
  set: (key, expiry, value) => store('set', key, value, expiry),
  add: (key, expiry, value) => store('add', key, value, expiry),
  replace: (key, expiry, value) => store('replace', key, value, expiry),
  append: (key, expiry, value) => store('append', key, value),
  prepend: (key, expiry, value) => store('prepend', key, value),
  cas: (key, expiry, value) => store('cas', key, value, token, expiry),
  delete: async (key) => (await call('del', key) ? 'deleted' : 'not_found'),
  touch: async (key, expiry) => (await call('touch', key, expiry) ? 'touched' : 'not_found'),
  incr: async (key, amount) => number(await call('incr', key, amount)),
  decr: async (key, amount) => number(await call('decr', key, amount)),
  get_many: getMany,
  set_many: setMany,
  delete_many: async (keys) => {
    await Promise.all(keys.map((key) => call('del', key)));
    return 'deleted';
  },
  flush: async () => (await call('flush') ? 'flushed' : 'not_flushed'),
  version: async () => `version ${(await call('version'))[0].version}`,
  stats: async () => ('curr_connections' in (await call('stats'))[0] ? 'stats' : 'incomplete'),
  extras,
}).then(() => process.exit(0));
