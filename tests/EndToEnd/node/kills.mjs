// Load from the SDK while the server is killed again and again (KillLoadTests says when). A line on the standard input names each life of the
// server: "life ADDRESS", at the end "last ADDRESS". Workers insert, upsert, delete, flush, query and search, each over keys that only it writes,
// so its model of them is a sequence. A write without an answer happened or did not: the next life's first read tells, and from then on it is certain.
// Prints "ready" when a life has answered for everything before it, "wrong: …" and exit code 1 at the first answer that the model does not allow.
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
import { random } from './client.mjs';

const name = 'kills';
const dim = 8;
const workers = 4;
const seed = Number(process.env.MINIMILVUS_KILLS_SEED ?? 1);
const limits = { rows: 16_384, live: 3_000, patience: 60_000 };
const codes = { invalid: 1100, unexpected: 65535 };

class Wrong extends Error {}
class NoAnswer extends Error {}

const vector = (id, v) => Array.from({ length: dim }, (_, i) => (id * 7 + v * (i + 3) + i * i) % 23);
const distance = (a, b) => a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0);
const counts = { insert: 0, upsert: 0, delete: 0, query: 0, search: 0, count: 0, flush: 0, unknown: 0, happened: 0, lives: 0 };
let nextValue = 1;

/** What one worker knows of its keys. */
class Model {
  rows = new Map(); // key → value, certain
  unknown = new Map(); // key → { request, before, after }; undefined = no row
  written = new Map(); // key → values ever sent
  nextKey;

  constructor(worker) {
    this.worker = worker;
    this.nextKey = worker;
  }

  newKey() {
    const key = this.nextKey;
    this.nextKey += workers;
    return key;
  }

  sent(changes) {
    for (const [key, value] of changes) this.written.set(key, [...(this.written.get(key) ?? []), value]);
  }

  done(changes) {
    for (const [key, value] of changes) {
      if (value === undefined) this.rows.delete(key);
      else this.rows.set(key, value);
    }
  }

  lost(changes) {
    const request = { fate: undefined };
    counts.unknown++;
    for (const [key, after] of changes) this.unknown.set(key, { request, before: this.rows.get(key), after });
  }

  /** All rows of this worker, as a Strong read shows them: what is certain is there once and nothing else. */
  check(what, found) {
    const seen = new Map();
    for (const { id, v } of found) {
      if (seen.has(id)) throw new Wrong(`${what}: key ${id} twice`);
      seen.set(id, v);
      const open = this.unknown.get(id);
      if (open ? v !== open.before && v !== open.after : this.rows.get(id) !== v) {
        throw new Wrong(`${what}: key ${id} = ${v}, expected ${open ? `${open.before} or ${open.after}` : this.rows.get(id) ?? 'no row'}`);
      }
    }
    for (const [id, v] of this.rows) {
      if (!seen.has(id) && !this.unknown.has(id)) throw new Wrong(`${what}: acked key ${id} = ${v} is missing`);
    }
    for (const [id, open] of this.unknown) {
      if (!seen.has(id) && open.before !== undefined && open.after !== undefined) throw new Wrong(`${what}: key ${id} is missing, expected ${open.before} or ${open.after}`);
    }
    return seen;
  }

  /** In a later life nothing is on its way any more: what is seen is what happened, for all rows of a request alike. */
  settle(seen) {
    for (const [id, { request, before, after }] of this.unknown) {
      if (before !== after) {
        const happened = seen.get(id) === after;
        if (request.fate !== undefined && request.fate !== happened) throw new Wrong(`a request of worker ${this.worker} is there in part: key ${id}`);
        request.fate = happened;
        counts.happened += happened ? 1 : 0;
      }
      this.done([[id, seen.get(id)]]);
    }
    this.unknown.clear();
  }

  certain() {
    return [...this.rows.keys()].filter((k) => !this.unknown.has(k));
  }
}

const models = Array.from({ length: workers }, (_, w) => new Model(w));

/** One life of the server, from its address to its end. */
class Life {
  over = false;
  tasks = [];

  constructor(address) {
    this.client = new MilvusClient({ address, ssl: false, maxRetries: 0, timeout: 10_000, telemetry: { enabled: false } });
    this.client.connectPromise.catch(() => {});
  }

  async call(what, request) {
    let answer;
    try {
      answer = await request(this.client);
    } catch (error) {
      if (!/UNAVAILABLE|CANCELLED|DEADLINE|ECONN|connect|disconnect|dropped|closed|timed? ?out|reset/i.test(String(error))) throw new Wrong(`${what}: ${error}`);
      throw new NoAnswer(`${what}: ${error}`);
    }
    const status = answer.status ?? answer;
    const code = Number(status.code ?? 0);
    if (code === codes.invalid || code === codes.unexpected) throw new Wrong(`${what}: code ${code} ${status.reason}`);
    if (code !== 0 || status.error_code !== 'Success') throw new NoAnswer(`${what}: code ${code} ${status.reason}`);
    counts[what] = (counts[what] ?? 0) + 1;
    return answer;
  }

  async create() {
    await this.call('create', (c) => c.createCollection({
      collection_name: name, shards_num: 1, consistency_level: 'Strong',
      fields: [
        { name: 'id', data_type: DataType.Int64, is_primary_key: true },
        { name: 'v', data_type: DataType.Int64 },
        { name: 'w', data_type: DataType.Int64 },
        { name: 'vec', data_type: DataType.FloatVector, dim },
      ],
    }));
    await this.call('index', (c) => c.createIndex({ collection_name: name, field_name: 'vec', index_type: 'FLAT', metric_type: 'L2' }));
    await this.call('load', (c) => c.loadCollection({ collection_name: name }));
  }

  async rowsOf(model) {
    const answer = await this.call('query', (c) => c.query({ collection_name: name, filter: `w == ${model.worker}`, output_fields: ['id', 'v'], limit: limits.rows, consistency_level: 'Strong' }));
    return answer.data.map((r) => ({ id: Number(r.id), v: Number(r.v) }));
  }

  /** Everything there was before this life, by query and by count; then the unknown is known. */
  async settle() {
    const end = Date.now() + limits.patience;
    for (const model of models) {
      for (;;) {
        try {
          model.settle(model.check('the first query of a life', await this.rowsOf(model)));
          const answer = await this.call('count', (c) => c.query({ collection_name: name, filter: `w == ${model.worker}`, output_fields: ['count(*)'], consistency_level: 'Strong' }));
          const count = Number(answer.data[0]['count(*)']);
          if (count !== model.rows.size) throw new Wrong(`count of worker ${model.worker}: ${count}, expected ${model.rows.size}`);
          break;
        } catch (error) {
          if (!(error instanceof NoAnswer)) throw error;
          if (this.over) return false;
          if (Date.now() > end) throw new Wrong(`a life does not answer: ${error.message}`);
          await wait(20);
        }
      }
    }
    return true;
  }

  async write(model, what, changes) {
    const data = changes.map(([id, v]) => ({ id, v, w: model.worker, vec: v === undefined ? undefined : vector(id, v) }));
    model.sent(changes);
    try {
      await this.call(what, (c) => what === 'insert' ? c.insert({ collection_name: name, data })
        : what === 'upsert' ? c.upsert({ collection_name: name, data })
          : c.delete({ collection_name: name, filter: `id in [${changes.map(([id]) => id).join(', ')}]` }));
    } catch (error) {
      if (error instanceof NoAnswer) model.lost(changes);
      throw error;
    }
    model.done(changes);
  }

  /** The nearest rows: no hit that cannot be there, none left out that must be. The worker's own rows are certain; of others any that was ever written may be shown. */
  async search(model, next, own) {
    const target = vector(Math.floor(next() * 500), Math.floor(next() * 500));
    const limit = 1 + Math.floor(next() * 20);
    const answer = await this.call('search', (c) => c.search({
      collection_name: name, data: target, limit, output_fields: ['id', 'v'], consistency_level: 'Strong', ...(own ? { filter: `w == ${model.worker}` } : {}),
    }));
    const hits = answer.results.map((r) => ({ id: Number(r.id), v: Number(r.v), score: r.score }));
    const seen = new Set();
    let last = -1;
    for (const { id, v, score } of hits) {
      const owner = models[id % workers];
      const open = owner.unknown.get(id);
      const allowed = owner !== model ? owner.written.get(id)?.includes(v) : open ? v === open.before || v === open.after : owner.rows.get(id) === v;
      if (!allowed || (own && owner !== model)) throw new Wrong(`search: hit ${id} = ${v}; the model has ${owner.rows.get(id)}`);
      if (seen.has(id)) throw new Wrong(`search: hit ${id} twice`);
      if (score !== distance(target, vector(id, v)) || score < last) throw new Wrong(`search: hit ${id} = ${v} with score ${score} behind ${last}, expected ${distance(target, vector(id, v))}`);
      seen.add(id);
      last = score;
    }
    const worst = hits.length === limit ? last : Infinity;
    for (const id of model.certain()) {
      const score = distance(target, vector(id, model.rows.get(id)));
      if (score < worst && !seen.has(id)) throw new Wrong(`search: key ${id} at ${score} is missing among ${hits.length} hits, the worst at ${worst}`);
    }
  }

  async work(model, next) {
    const some = (most) => {
      const keys = model.certain();
      return [...new Set(Array.from({ length: Math.min(keys.length, 1 + Math.floor(next() * most)) }, () => keys[Math.floor(next() * keys.length)]))];
    };
    for (let failures = 0; !this.over && failures < 3;) {
      try {
        const choice = next() * 20;
        const keys = some(10);
        if (choice < 6 && model.rows.size < limits.live) await this.write(model, 'insert', Array.from({ length: 1 + Math.floor(next() * 20) }, () => [model.newKey(), nextValue++]));
        else if (choice < 9) keys.length > 0 && await this.write(model, 'upsert', keys.map((k) => [k, nextValue++]));
        else if (choice < 12) keys.length > 0 && await this.write(model, 'delete', keys.map((k) => [k, undefined]));
        else if (choice < 14) model.check('query', await this.rowsOf(model));
        else if (choice < 19.5) await this.search(model, next, choice < 17);
        else await this.call('flush', (c) => c.flush({ collection_names: [name] }));
        failures = 0;
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        failures++;
      }
    }
  }

  async begin(isFirst, isLast) {
    if (isFirst) await this.create();
    if (!(await this.settle())) return;
    counts.lives++;
    console.log('ready');
    if (isLast) return;
    this.tasks = models.map((m) => this.work(m, random(seed * 1000 + counts.lives * workers + m.worker)));
    await Promise.all(this.tasks);
  }

  async end() {
    this.over = true;
    await Promise.allSettled(this.tasks);
    this.client.closeConnection();
  }
}

const fail = (error) => {
  process.stdout.write(`wrong: ${error instanceof Wrong ? error.message : error.stack}\n`, () => process.exit(1));
};
let life, running;
for await (const line of createInterface({ input: process.stdin })) {
  const [word, address] = line.split(' ');
  const isFirst = life === undefined;
  if (life) {
    life.over = true;
    await running;
    await life.end();
  }
  life = new Life(address);
  running = life.begin(isFirst, word === 'last').catch(fail);
  if (word === 'last') {
    await running;
    console.log(`done: ${JSON.stringify({ ...counts, rows: models.reduce((sum, m) => sum + m.rows.size, 0) })}`);
    process.exit(0);
  }
}
