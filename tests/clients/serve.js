'use strict';
// The half of the pipe that clients in node share: serve() reads operations from standard input, calls the
// function of that name, writes what its promise brought. The protocol: README.md of this folder.
const WITH_VALUE = ['set', 'add', 'replace', 'append', 'prepend', 'cas', 'set_noreply'];
const WITH_NUMBER = ['gat', 'touch', 'incr', 'decr'];

class Hit {
  constructor(value) { this.value = value; }
}

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

async function serve(operations) {
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
}

module.exports = { Hit, serve };
