'use strict';
// node's memjs (binary), as it comes. Protocol of the pipe: README.md of this folder.
const memjs = require('memjs');

const [host, port] = process.argv.slice(2);
const quietly = { log: () => {} };
const client = memjs.Client.create(`${host}:${port}`, { logger: quietly });
const WITH_VALUE = ['set', 'add', 'replace', 'append', 'prepend', 'set_noreply'];
const WITH_NUMBER = ['touch', 'incr', 'decr'];

class Hit {
  constructor(value) { this.value = value; }
}

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

// Standard input as lines and blocks of bytes, awaited one at a time.
class Input {
  constructor(stream) {
    this.chunks = stream[Symbol.asyncIterator]();
    this.data = Buffer.alloc(0);
  }

  async more() {
    const { value, done } = await this.chunks.next();
    if (!done) this.data = Buffer.concat([this.data, value]);
    return !done;
  }

  take(size) {
    const taken = this.data.subarray(0, size);
    this.data = this.data.subarray(size);
    return taken;
  }

  async line() {
    let end = this.data.indexOf(10);
    while (end < 0) {
      if (!await this.more()) return null;
      end = this.data.indexOf(10);
    }
    return this.take(end + 1).toString().trim();
  }

  async payload(size) {
    while (this.data.length < size + 1) {
      if (!await this.more()) process.exit(0);
    }
    return Buffer.from(this.take(size + 1).subarray(0, size));
  }
}

async function readArguments(input, operation, words) {
  if (WITH_VALUE.includes(operation)) {
    return [words[0], Number(words[1]), await input.payload(Number(words[2]))];
  }
  if (WITH_NUMBER.includes(operation)) return [words[0], Number(words[1])];
  if (operation === 'get_many' || operation === 'delete_many') {
    const keys = [];
    for (let i = 0; i < Number(words[0]); i += 1) keys.push(await input.line());
    return [keys];
  }
  if (operation !== 'set_many') return words;
  const pairs = new Map();
  for (let i = 0; i < Number(words[1]); i += 1) {
    const [key, size] = (await input.line()).split(' ');
    pairs.set(key, await input.payload(Number(size)));
  }
  return [Number(words[0]), pairs];
}

function replyOf(result) {
  if (result instanceof Hit) return [`hit ${result.value.length}\n`, result.value, '\n'];
  if (typeof result === 'number') return [`number ${result}\n`];
  if (!(result instanceof Map)) return [`${String(result).replaceAll('\n', ' ')}\n`];
  const parts = [`many ${result.size}\n`];
  for (const [key, value] of result) parts.push(`${key} ${value.length}\n`, value, '\n');
  return parts;
}

async function serve() {
  const input = new Input(process.stdin);
  for (let line = await input.line(); line !== null; line = await input.line()) {
    const [operation, ...words] = line.split(' ');
    const words_read = await readArguments(input, operation, words);
    let result = `abilities ${Object.keys(operations).join(' ')}`;
    if (operation !== 'abilities') {
      result = await operations[operation](...words_read)
        .catch((error) => `error ${error && error.message}`);
    }
    process.stdout.write(Buffer.concat(replyOf(result).map((part) => Buffer.from(part))));
  }
  client.close();
}

serve();
