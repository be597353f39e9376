// Every route that tools call: OpenAI's SDK on each, then Codex and Claude Code as people run them. What they send, and
// what the books say of it. RECORD=1 writes what the two tools sent to wire/.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gatekey, listen, upstream } from './world.mjs';

const TEXT = 'Hello from a real shape.';
const MASTER = 'sk-the-master-key-of-these-tests';
const PROVIDER = 'sk-of-the-provider';
const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;

const { server: probe, port } = await listen();
probe.close();
const base = `http://127.0.0.1:${port}`;
const api = await upstream();
const model = (name, price, at = 'openai') => `
[[model]]
name = "${name}"
upstream = "${at}"
${price ? `[model.price]\n${price}` : ''}`;
const gate = await gatekey(port, `
[server]
listen = "127.0.0.1:${port}"
base_url = "${base}"
master_key = "${MASTER}"
drain = "2s"
tag_headers = ["x-gatekey-tags"]
[[upstream]]
name = "openai"
kind = "openai"
base_url = "http://127.0.0.1:${api.port}/v1"
api_key = "${PROVIDER}"
[[upstream]]
name = "anthropic"
kind = "anthropic"
base_url = "http://127.0.0.1:${api.port}"
api_key = "${PROVIDER}"
${model('gpt-4o', 'input = "2.50"\noutput = "10"')}
${model('claude-x', 'input = "3"\noutput = "15"', 'anthropic')}
${model('embed', 'input = "0.02"\noutput = "0"')}
${model('painter', 'per_image = "0.04"')}
${model('voice', 'per_character = "0.000015"')}
${model('ear', 'per_second = "0.0001"')}
${model('judge', 'per_search = "0.002"')}
${model('omni-moderation-latest')}`);

let passed = 0;
const check = async (name, what) => {
  try {
    const more = await what();
    console.log(`ok - ${name}${more ? `: ${more}` : ''}`);
  } catch (error) {
    console.error(`not ok - ${name}`);
    throw error;
  }
  passed += 1;
};

const ask = async (path, key, body) => {
  const seen = await fetch(`${base}${path}`, {
    method: body ? 'POST' : 'GET', body: body && JSON.stringify(body),
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  });
  assert.equal(seen.status, 200, `${path}: ${await seen.clone().text()}`);
  return seen.json();
};
const made = async (max_budget) => (await ask('/key/generate', MASTER, { max_budget })).key;
const newest = async () => (await ask('/spend/logs?page_size=1', MASTER)).data[0];

/** What a program says on its way to Gatekey: passed on byte for byte, and read afterwards. */
const heard = [];
const tap = createServer((from) => {
  const [to, pieces] = [connect(port, '127.0.0.1'), []];
  heard.push(pieces);
  from.on('data', (piece) => pieces.push(piece));
  from.pipe(to).pipe(from);
  for (const [one, another] of [[from, to], [to, from]]) one.on('error', () => another.destroy());
});
await new Promise((ready) => tap.listen(0, '127.0.0.1', ready));
const door = `http://127.0.0.1:${tap.address().port}`;
const requests = () => heard.splice(0).flatMap((pieces) => {
  const list = [];
  let rest = Buffer.concat(pieces).toString('latin1');
  while (rest) {
    const [head] = rest.split('\r\n\r\n', 1);
    const [line, ...lines] = head.split('\r\n');
    const parts = lines.map((text) => text.match(/^([^:]+): *(.*)$/));
    const headers = Object.fromEntries(parts.map(([, name, value]) => [name.toLowerCase(), value]));
    const begins = head.length + 4;
    const ends = begins + Number(headers['content-length'] ?? 0);
    const [method, path] = line.split(' ');
    list.push({ method, path, headers, body: Buffer.from(rest.slice(begins, ends), 'latin1') });
    rest = rest.slice(ends);
  }
  return list;
});

/** Everything that is not on this computer: nobody may go there. */
const strayed = [];
const elsewhere = await listen((request, response) => {
  strayed.push(request.url);
  response.writeHead(403).end();
});
elsewhere.server.on('connect', (request, socket) => {
  strayed.push(request.url);
  socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
});

const home = mkdtempSync(join(tmpdir(), 'gatekey-tools-'));
mkdirSync(join(home, 'work'));
/** A program in a home of its own, to its end. */
const run = (program, args, env) => new Promise((ended) => {
  const began = Date.now();
  const proxy = `http://127.0.0.1:${elsewhere.port}`;
  const child = spawn(resolve('node_modules/.bin', program), args, {
    cwd: join(home, 'work'),
    env: {
      PATH: process.env.PATH, HOME: home, HTTPS_PROXY: proxy, HTTP_PROXY: proxy, ALL_PROXY: proxy,
      NO_PROXY: '127.0.0.1', ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (data) => { out += data; });
  child.stderr.on('data', (data) => { err += data; });
  child.once('close', (code) => ended({ code, out: out.trim(), err, ms: Date.now() - began }));
});

/** Codex, with a provider that is Gatekey. Its home is its own each time, so it knows nothing of the last. */
let homes = 0;
const codex = (key, { name = 'Gatekey', provider = 'env_key = "GATEKEY_KEY"', auth } = {}) => {
  homes += 1;
  const folder = join(home, `codex-${homes}`);
  mkdirSync(folder);
  // Its plugins, figures and updates are other services' than the model's.
  writeFileSync(join(folder, 'config.toml'), `
model = "gpt-4o"
model_provider = "gatekey"
chatgpt_base_url = "${door}/chatgpt/"
check_for_update_on_startup = false
[features]
plugins = false
apps = false
[analytics]
enabled = false
[otel]
metrics_exporter = "none"
[model_providers.gatekey]
name = "${name}"
base_url = "${door}/v1"
wire_api = "responses"
http_headers = { "x-gatekey-tags" = "nightly" }
${provider}
`);
  if (auth) writeFileSync(join(folder, 'auth.json'), JSON.stringify(auth));
  return run('codex', ['exec', '--strict-config', '--skip-git-repo-check', '--ephemeral', '-s', 'read-only', 'Say hi'],
    { CODEX_HOME: folder, GATEKEY_KEY: key });
};

/** The same of Claude Code. */
const claude = (key) => run('claude', ['-p', 'Say hi'], {
  CLAUDE_CONFIG_DIR: join(home, 'claude'), ANTHROPIC_BASE_URL: door, ANTHROPIC_AUTH_TOKEN: key,
  ANTHROPIC_MODEL: 'claude-x', ANTHROPIC_DEFAULT_HAIKU_MODEL: 'claude-x', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  ANTHROPIC_CUSTOM_HEADERS: 'x-gatekey-tags: nightly',
});

/** The one call that has arrived, which nothing of the caller's or of ours is in. */
const arrived = (key) => {
  const calls = api.seen.splice(0);
  assert.deepEqual(calls.map(({ method }) => method), ['POST']);
  const { headers } = calls[0];
  assert.ok(!JSON.stringify(headers).includes(key), 'the key stays here');
  assert.deepEqual(Object.keys(headers).filter((name) => /gatekey|litellm/.test(name)), []);
  return calls[0];
};

const listed = (sent) => sent.map(({ method, path }) => `${method} ${path}`).join(', ');

/** A call as other tests can make it again: nobody's key, computer or session, and long texts cut short. */
const record = (name, sent) => {
  if (!process.env.RECORD) return;
  const clean = (text) => text.replaceAll(home, '/home/ada')
    .replace(/(?<![0-9a-f])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '00000000-0000-4000-8000-000000000000')
    .replace(/\b[0-9a-f]{64}\b/g, '0'.repeat(64)).replace(/\b1\d{12}\b/g, '1000000000000')
    .replace(/\(\w+ [\d.]+; \w+\)/, '(Linux; x86_64)');
  const short = (value) => {
    if (Array.isArray(value)) return value.slice(0, 3).map(short);
    if (value && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, short(part)]));
    }
    if (typeof value !== 'string') return value;
    // A text that is JSON stays whole.
    const text = clean(value);
    return text.length <= 100 || text.startsWith('{') ? text : `${text.slice(0, 100)} …`;
  };
  const { method, path, headers, body } = sent.find((one) => one.method === 'POST');
  const left = ['authorization', 'host', 'connection', 'content-length', 'x-gatekey-tags'];
  const kept = Object.entries(headers).filter(([header]) => !left.includes(header))
    .map(([header, value]) => [header, clean(value)]);
  const wire = {
    recorded_from: name, method, path, headers: Object.fromEntries(kept), body: short(JSON.parse(body)),
  };
  const [, file] = name.match(/\/([\w-]+)@/);
  writeFileSync(`wire/${file}.json`, `${JSON.stringify(wire, null, 1)}\n`);
};

try {
  await check('OpenAI\'s SDK on every route, and what is booked of each', async () => {
    const [key, other] = [await made(20), await made(20)];
    const env = { PATH: process.env.PATH, GATEKEY_URL: base, GATEKEY_KEY: key, OTHER: other, MASTER };
    const { stdout: said } = await promisify(execFile)('.venv/bin/python', ['routes.py'], { env, timeout: 120_000 });
    process.stdout.write(said);
    passed += said.trim().split('\n').length;
    const calls = api.seen.splice(0);
    for (const { path, headers } of calls) {
      assert.equal(headers.authorization, `Bearer ${PROVIDER}`, path);
      assert.ok(![key, other].some((one) => JSON.stringify(headers).includes(one)), 'the keys stay here');
      assert.equal(headers['api-key'], undefined, path);
    }
    // Files arrive whole, in forms whose model is the upstream's.
    const forms = calls.filter(({ path }) => path.startsWith('/v1/audio/tr')).map(({ body }) => body.form);
    assert.equal(forms.length, 3);
    for (const form of forms) {
      assert.match(form, /name="model"\r\n\r\near\r\n/);
      const sound = Buffer.from(form.slice(form.indexOf('RIFF')), 'latin1');
      assert.equal(sound.readUInt32LE(40), 24_000);
      assert.equal(sound.toString('latin1', 44 + 24_000, 44 + 24_004), '\r\n--');
    }
  });

  const key = await made(20);
  const booked = {
    model: 'gpt-4o', route: '/v1/responses', prompt_tokens: 11, completion_tokens: 7, status: 'success',
    request_tags: ['nightly'],
  };
  const isBooked = async (expected) => {
    const row = await newest();
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, row[name]])), expected);
  };
  const served = async (said, from) => {
    assert.equal(said.out, TEXT, said.err);
    assert.equal(said.code, 0, said.err);
    const call = arrived(key);
    assert.equal(call.headers.authorization ?? `Bearer ${call.headers['x-api-key']}`, `Bearer ${PROVIDER}`);
    await isBooked(from);
    return call;
  };

  const tool = `@openai/codex@${version('@openai/codex')}`;
  await check(`${tool} answers`, async () => {
    const said = await codex(key);
    await served(said, { ...booked, cost: '0.0000975', estimated: false });
    const sent = requests();
    record(tool, sent);
    return `${said.ms} ms; ${listed(sent)}`;
  });
  await check(`${tool} would rather have a WebSocket, and does without at once`, async () => {
    const said = await codex(key, { provider: 'env_key = "GATEKEY_KEY"\nsupports_websockets = true' });
    await served(said, booked);
    const sent = requests();
    assert.ok(sent.some(({ headers }) => headers.upgrade === 'websocket'), 'it asked');
    assert.ok(said.ms < 3_000, `it took ${said.ms} ms`);
    return `${said.ms} ms; ${listed(sent)}`;
  });
  await check(`${tool} compresses with zstd, as it does for OpenAI's own`, async () => {
    // Only for who is signed in there: a sign-in that we made up, whose access token is our key.
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const account = { chatgpt_plan_type: 'pro', chatgpt_user_id: 'ada', chatgpt_account_id: 'acme' };
    const claims = { email: 'ada@acme.example', 'https://api.openai.com/auth': account };
    const id_token = `${part({ alg: 'none' })}.${part(claims)}.${part('unsigned')}`;
    const tokens = { id_token, access_token: key, refresh_token: 'none', account_id: 'acme' };
    const auth = { auth_mode: 'chatgpt', OPENAI_API_KEY: null, tokens, last_refresh: new Date().toISOString() };
    const said = await codex(key, { name: 'OpenAI', provider: 'requires_openai_auth = true', auth });
    const post = requests().find(({ method }) => method === 'POST');
    assert.equal(post.headers['content-encoding'], 'zstd');
    assert.notEqual(post.body[0], '{'.charCodeAt(0));
    const { headers, body } = await served(said, booked);
    assert.equal(headers['content-encoding'], undefined);
    return `${said.ms} ms; ${post.body.length} bytes, unpacked ${JSON.stringify(body).length}`;
  });

  const agent = `@anthropic-ai/claude-code@${version('@anthropic-ai/claude-code')}`;
  await check(`${agent} answers`, async () => {
    const said = await claude(key);
    const sent = requests();
    const post = sent.find(({ method }) => method === 'POST');
    const end_user = JSON.parse(post.body).metadata.user_id;
    await served(said, {
      model: 'claude-x', route: '/v1/messages', prompt_tokens: 9, completion_tokens: 6, cost: '0.000117',
      status: 'success', end_user, request_tags: ['nightly'],
    });
    record(agent, sent);
    return `${said.ms} ms; ${listed(sent)}`;
  });
  assert.deepEqual(strayed, [], 'nobody goes elsewhere');

  // What the tools make of a spent budget is theirs; it is only told here.
  for (const [name, program] of [[tool, codex], [agent, claude]]) {
    await check(`${name} with a spent budget`, async () => {
      const little = await made(0.00009);
      await program(little);
      assert.equal((await newest()).status, 'success');
      requests();
      api.seen.length = 0;
      const said = await program(little);
      assert.equal(api.seen.length, 0, 'nothing left');
      const tries = requests().filter(({ method }) => method === 'POST').length;
      const last = `${said.out || said.err}`.trim().split('\n').at(-1);
      return `${tries} POST in ${said.ms} ms, it ends with ${said.code} and says ${last}`;
    });
  }
} finally {
  const code = await gate.stop();
  for (const server of [api.server, tap, elsewhere.server]) server.close();
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  assert.equal(code, 0, 'Gatekey stops well');
}
console.log(`${passed} passed, 0 failed`);
process.exit(0);
