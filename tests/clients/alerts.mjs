// What an operator is told by webhook: PyPI standardwebhooks verifies each event, as a receiver of theirs would.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { gatekey, listen, upstream } from './world.mjs';

const MASTER = 'sk-the-master-key-of-these-tests';
const python = '.venv/bin/python';
let passed = 0;
const check = async (name, what) => {
  try {
    await what();
  } catch (error) {
    console.error(`not ok - ${name}`);
    throw error;
  }
  passed += 1;
  console.log(`ok - ${name}`);
};

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const env = { PATH: process.env.PATH, WEBHOOK_SECRET: secret };
const receiver = spawn(python, ['webhook.py'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
process.on('exit', () => receiver.kill());
const lines = [];
createInterface({ input: receiver.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
/** The first line that fits, within ten seconds. */
const heard = async (fits) => {
  for (let tries = 0; tries < 200; tries += 1) {
    const line = lines.find(fits);
    if (line) return line;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not arrive; what did: ${JSON.stringify(lines)}`);
};
const of = (type) => ({ event }) => event?.type === type;
const hook = `http://127.0.0.1:${(await heard(({ port }) => port)).port}/gatekey`;

await check('the receiver believes what the package signs, and nothing else', async () => {
  const { stdout } = await promisify(execFile)(python, ['webhook.py', 'knock', hook], { env });
  const { good, ...bad } = JSON.parse(stdout);
  assert.equal(good, 204);
  assert.deepEqual(Object.values(bad), [401, 401, 401, 401], stdout);
  lines.length = 0;
});

const { server: probe, port } = await listen();
probe.close();
const base = `http://127.0.0.1:${port}`;
const api = await upstream();
const gate = await gatekey(port, `
[server]
listen = "127.0.0.1:${port}"
base_url = "${base}"
master_key = "${MASTER}"
drain = "2s"
[alerts]
url = "${hook}"
secret = "${secret}"
at = [50]
[[upstream]]
name = "openai"
kind = "openai"
base_url = "http://127.0.0.1:${api.port}/v1"
api_key = "sk-of-the-provider"
[[model]]
name = "gpt-4o"
upstream = "openai"
[model.price]
input = "2.50"
output = "10"
`);
const ask = async (path, key, body) => {
  const seen = await fetch(`${base}${path}`, {
    method: 'POST', body: JSON.stringify(body),
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  });
  assert.equal(seen.status, 200, `${path}: ${await seen.clone().text()}`);
  return seen.json();
};

try {
  await check('half a budget is spent: that is told, signed, and once', async () => {
    const { key } = await ask('/key/generate', MASTER, { key_alias: 'nightly', max_budget: 0.0002 });
    const messages = [{ role: 'user', content: 'Hello' }];
    const call = () => ask('/v1/chat/completions', key, { model: 'gpt-4o', messages });
    // Each costs $0.0000825: one is less than half, three are more than all.
    await call();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.deepEqual(lines, []);
    await call();
    const { id, event } = await heard(of('budget.threshold_reached'));
    assert.match(id, /^msg_/);
    assert.ok(Math.abs(Date.now() - Date.parse(event.timestamp)) < 60_000, event.timestamp);
    const { ledger, name, share, limit, spent } = event.data;
    assert.match(ledger, /^key:/);
    assert.deepEqual([name, share, limit, spent], ['the key nightly', 50, 0.0002, 0.000165]);
    assert.ok(!JSON.stringify(lines).includes(key), 'the key stays here');
    await call();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(lines.length, 1, JSON.stringify(lines));
  });

  await check('`gatekey alerts test` arrives, signed', async () => {
    const { stdout } = await promisify(execFile)(process.env.GATEKEY, ['alerts', 'test'], {
      cwd: gate.folder, env: { PATH: process.env.PATH }, timeout: 30_000,
    });
    const { id, event } = await heard(of('test'));
    assert.ok(stdout.includes(id), stdout);
    assert.ok(Date.parse(event.timestamp), event.timestamp);
  });
} finally {
  const code = await gate.stop();
  api.server.close();
  assert.equal(code, 0, 'Gatekey stops well');
}
assert.ok(lines.every(({ event }) => event), `everything was verified: ${JSON.stringify(lines)}`);
console.log(`${passed} passed, 0 failed`);
process.exit(0);
