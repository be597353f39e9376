// Keycloak in front of Gatekey: the browser journey, groups that change, a user that is disabled, and a check that
// says what is wrong. Writes what Keycloak said to wire/keycloak.json.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { gatekey, listen } from './world.mjs';

const free = async () => {
  const { server, port } = await listen();
  server.close();
  return port;
};
const [port, at, management] = [await free(), await free(), await free()];
const base = `http://127.0.0.1:${port}`;
const keycloak = `http://127.0.0.1:${at}`;
const issuer = `${keycloak}/realms/acme`;

// A copy, since Keycloak writes into its own folder.
const home = mkdtempSync(join(tmpdir(), 'gatekey-keycloak-'));
cpSync(process.env.KEYCLOAK, home, { recursive: true });
mkdirSync(join(home, 'data/import'), { recursive: true });
const realm = readFileSync('keycloak-realm.json', 'utf8').replaceAll('GATEKEY', base);
writeFileSync(join(home, 'data/import/acme-realm.json'), realm);
const server = spawn(join(home, 'bin/kc.sh'), ['start-dev', '--import-realm', `--http-port=${at}`, '--http-host=127.0.0.1',
  `--http-management-port=${management}`, '--db=dev-mem', '--cache=local', '--hostname-strict=false'], {
  env: { ...process.env, KC_BOOTSTRAP_ADMIN_USERNAME: 'admin', KC_BOOTSTRAP_ADMIN_PASSWORD: 'admin', JAVA_OPTS_KC_HEAP: '-Xmx600m' },
  stdio: ['ignore', 'ignore', 'inherit'],
  detached: true,
});
const stopKeycloak = () => {
  process.kill(-server.pid, 'SIGTERM');
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
};

let gate;
let browser;
let passed = 0;
const ok = (name) => {
  passed += 1;
  console.log(`ok - ${name}`);
};
const settings = (client, extra = '') => `
[server]
listen = "127.0.0.1:${port}"
base_url = "${base}"
master_key = "sk-the-master-key-of-these-tests"
[[idp]]
name = "keycloak"
issuer = "${issuer}"
client_id = "${client}"
client_secret = "hush"
${extra}
[[team]]
name = "Data science"
groups = ["eng-data"]
[[upstream]]
name = "demo"
kind = "demo"
[[model]]
name = "demo"
upstream = "demo"
`;

async function admin(method, path, body) {
  const form = new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: 'admin' });
  const token = await fetch(`${keycloak}/realms/master/protocol/openid-connect/token`, { method: 'POST', body: form });
  const { access_token } = await token.json();
  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
  const seen = await fetch(`${keycloak}/admin/realms/acme${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(seen.ok, `${method} ${path}: ${seen.status}`);
  return seen.status === 204 ? null : seen.json();
}

/** What Keycloak says of itself and of ada, without what is of one run or secret. */
async function record() {
  const discovery = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  const form = new URLSearchParams({
    grant_type: 'password', client_id: 'gatekey', client_secret: 'hush', username: 'ada', password: 'any', scope: 'openid profile email',
  });
  const tokens = await (await fetch(discovery.token_endpoint, { method: 'POST', body: form })).json();
  const part = (at) => JSON.parse(Buffer.from(tokens.id_token.split('.')[at], 'base64url'));
  const userinfo = await (await fetch(discovery.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } })).json();
  const wire = { recorded_from: 'org.keycloak:keycloak-quarkus-dist:26.7.3', issuer, discovery, id_token: { header: part(0), claims: part(1) }, userinfo };
  const text = JSON.stringify(wire, null, 1).replaceAll(keycloak, 'http://keycloak.test');
  mkdirSync('wire', { recursive: true });
  writeFileSync('wire/keycloak.json', `${text}\n`);
}

async function signIn() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${base}/sso/login?return_to=/`);
  await page.fill('#username', 'ada');
  await page.fill('#password', 'any');
  await page.click('#kc-login');
  return page;
}

function check(client) {
  const folder = mkdtempSync(join(tmpdir(), 'gatekey-check-'));
  writeFileSync(join(folder, 'gatekey.toml'), settings(client));
  try {
    return execFileSync(process.env.GATEKEY, ['check', '--online'], { cwd: folder, encoding: 'utf8' });
  } catch (error) {
    return error.stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  const began = Date.now();
  for (;;) {
    const ready = await fetch(`${issuer}/.well-known/openid-configuration`).then((seen) => seen.ok, () => false);
    if (ready) break;
    if (Date.now() - began > 240_000 || server.exitCode !== null) throw new Error('Keycloak did not get ready');
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  await record();
  gate = await gatekey(port, settings('gatekey'));
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: ['--no-sandbox', '--disable-gpu'] });

  const page = await signIn();
  await page.waitForURL(`${base}/`);
  assert.match(await page.textContent('body'), /ada@acme\.example/);
  assert.match(await page.textContent('dl'), /Data science/);
  ok('keycloak signs in, and its groups lead to a team');

  await page.goto(`${base}/sso/key/generate?response_type=oauth_token`);
  const { access_token: key } = JSON.parse(await page.textContent('body'));
  const call = () => fetch(`${base}/v1/models`, { headers: { authorization: `Bearer ${key}` } }).then((seen) => seen.status);
  assert.equal(await call(), 200);

  const said = check('gatekey');
  for (const what of ['discovery', 'signing keys', 'redirect URI', 'clock']) assert.match(said, new RegExp(`ok +the identity provider keycloak: ${what}`), said);
  assert.match(check('nobody'), /wrong +the identity provider keycloak: redirect URI/);
  ok('check --online tells a registered client from another');

  const [{ id }] = await admin('GET', '/users?username=ada');
  const [group] = await admin('GET', '/groups?search=eng-data');
  await admin('DELETE', `/users/${id}/groups/${group.id}`);
  const moved = await signIn();
  await moved.waitForURL(`${base}/`);
  assert.doesNotMatch(await moved.textContent('dl'), /Data science/);
  assert.equal(await call(), 401, 'the key was of that team');
  ok('who left the group leaves the team at the next sign-in, and the key of the team with it');

  await admin('PUT', `/users/${id}`, { enabled: false });
  const disabled = await signIn();
  await disabled.waitForSelector('text=disabled');
  assert.ok(disabled.url().startsWith(keycloak), disabled.url());
  ok('who is disabled does not get past keycloak');
} finally {
  await browser?.close();
  await gate?.stop();
  stopKeycloak();
}
console.log(`${passed} passed, 0 failed`);
process.exit(0);
