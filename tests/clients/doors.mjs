// The other sign-ins, with the clients that people use: `lite login`, both OpenRouter SDKs, and what a page of ours
// hands to an editor. `from source` names the commit and file a request was taken from. Prints a table of what was run. PAGES=DIR keeps screenshots; each page is held against axe-core.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OpenRouter } from '@openrouter/sdk';
import { chromium } from 'playwright-core';
import { around, gatekey, listen, provider, upstream } from './world.mjs';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;
const pinned = Object.fromEntries(readFileSync('requirements.txt', 'utf8').trim().split('\n').map((l) => l.split('==')));
const TEXT = 'Hello from a real shape.';

const { server: probe, port } = await listen();
probe.close();
const base = `http://127.0.0.1:${port}`;
const [idp, api] = [await provider(base), await upstream()];
const gate = await gatekey(port, `
[server]
listen = "127.0.0.1:${port}"
base_url = "${base}"
title = "Acme"
master_key = "sk-the-master-key-of-these-tests"
[connect]
dialects = ["link", "cli", "openrouter", "glama", "requesty"]
[signin]
admin_subject = "grace"
${around(idp, api)}`);

const home = mkdtempSync(join(tmpdir(), 'gatekey-doors-'));
const browser = await chromium.launchPersistentContext(join(home, 'chromium'), {
  executablePath: '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1000, height: 760 },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

const table = [];
const done = (client, which, what) => {
  table.push([client, which, what]);
  console.log(`ok - ${client} ${which}: ${what}`);
};

/** Where a page wanted to go, custom schemes included, which a headless browser cannot open. */
const wanted = [];
const opened = async (page) => {
  for (let tries = 0; tries < 100 && !wanted.some((to) => to.startsWith('vscode:')); tries += 1) await page.waitForTimeout(50);
};
const tab = async () => {
  const page = await browser.newPage();
  const devtools = await browser.newCDPSession(page);
  await devtools.send('Page.enable');
  devtools.on('Page.frameRequestedNavigation', ({ url }) => wanted.push(url));
  return page;
};

/** No serious fault by axe-core; and a picture in four dresses. Pages run no script: axe comes in by the protocol. */
let judged = 0;
const look = async (page, name) => {
  const found = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`);
  const grave = found.violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  assert.deepEqual(grave.map(({ id, nodes }) => [id, nodes.map((n) => n.html)]), [], `axe on ${name}`);
  judged += 1;
  if (!process.env.PAGES) return;
  mkdirSync(process.env.PAGES, { recursive: true });
  for (const [size, width, height] of [['wide', 1000, 760], ['narrow', 390, 780]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(process.env.PAGES, `${name}-${size}-${colorScheme}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1000, height: 760 });
  await page.emulateMedia({ colorScheme: 'light' });
};

const signIn = async (page) => {
  await page.goto(`${base}/sso/login?return_to=/connect`);
  await page.fill('input[name=login]', 'ada');
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
  await page.click('button[type=submit]');
  await page.waitForURL(`${base}/connect`);
};

/** A terminal of `lite login`: its lines as they come, its end, and what is typed. */
const lite = (...args) => {
  const child = spawn(join(process.cwd(), '.venv/bin/lite'), ['--base-url', base, ...args], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, LITELLM_CLI_DISABLE_KEYRING: '1', BROWSER: 'true', PYTHONUNBUFFERED: '1', COLUMNS: '200' },
  });
  let said = '';
  child.stdout.on('data', (data) => { said += data; });
  child.stderr.on('data', (data) => { said += data; });
  const until = async (what) => {
    for (let tries = 0; tries < 600; tries += 1) {
      const found = said.match(what);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`no ${what} in ${said}`);
  };
  const ended = new Promise((resolve) => { child.once('exit', (code) => resolve({ code, said })); });
  return { child, until, ended };
};

const login = async (page, team) => {
  const terminal = lite('login');
  const [, link] = await terminal.until(/Opening browser to: (\S+)/);
  const [, code] = await terminal.until(/Verification code: (\S+)/);
  await page.goto(link);
  await look(page, 'consent-cli');
  await page.fill('input[name=user_code]', code.toLowerCase());
  await page.selectOption('select[name=team_id]', team.browser);
  // Who types a code presses Enter, and means yes.
  await page.press('input[name=user_code]', 'Enter');
  await page.waitForSelector('text=Go back to your terminal');
  await look(page, 'done-cli');
  if (team.terminal) {
    await terminal.until(/entering the index number/);
    terminal.child.stdin.write(`${team.terminal}\n`);
  }
  const { code: exit, said } = await terminal.ended;
  assert.equal(exit, 0, said);
  const { stdout } = await promisify(execFile)('.venv/bin/lite', ['--base-url', base, 'auth', 'print-token'], {
    env: { PATH: process.env.PATH, HOME: home, LITELLM_CLI_DISABLE_KEYRING: '1' },
  });
  const key = stdout.trim();
  assert.match(key, /^sk-/, said);
  const info = await (await fetch(`${base}/key/info`, { headers: { authorization: `Bearer ${key}` } })).json();
  return { key, said, team: info.info.team_alias };
};

const verifier = randomBytes(32).toString('base64url');
const challenge = createHash('sha256').update(verifier).digest('base64url');
const codeFrom = async (page, url, name) => {
  const arrived = [];
  const app = await listen((request, response) => {
    arrived.push(request.url);
    response.end('You can close this page.');
  });
  await page.goto(await url(`http://localhost:${app.port}/callback`));
  await look(page, name);
  await page.click('button.main[value=allow]');
  await page.waitForURL(`http://localhost:${app.port}/**`);
  app.server.close();
  return new URL(`http://x${arrived[0]}`).searchParams.get('code');
};
const redeem = async (body) => {
  const json = { 'content-type': 'application/json' };
  const seen = await fetch(`${base}/api/v1/auth/keys`, { method: 'POST', body: JSON.stringify(body), headers: json });
  return seen.json();
};
const headers = (key) => ({ headers: { authorization: `Bearer ${key}` } });

try {
  let page = await tab();
  await signIn(page);
  await look(page, 'connect');

  const cli = pinned['litellm[cli]'];
  const first = await login(page, { browser: { label: 'choose in the terminal' }, terminal: '2' });
  assert.match(first.said, /Web/);
  assert.equal(first.team, 'Web');
  done('litellm[cli]', cli, '`lite login` in Chromium, team chosen in the terminal by name, `lite auth print-token`');
  const second = await login(page, { browser: { label: 'Data science' } });
  assert.equal(second.team, 'Data science');
  assert.notEqual(second.key, first.key);
  const models = lite('--api-key', second.key, 'models', 'list');
  const { code: exit, said } = await models.ended;
  assert.equal(exit, 0, said);
  assert.match(said, /gpt-4o/);
  const called = await fetch(`${base}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${second.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  assert.equal((await called.json()).choices[0].message.content, TEXT);
  done('litellm[cli]', cli, 'team chosen in the browser, `lite models list`, a model call with its key');

  const sdk = version('@openrouter/sdk');
  const nobody = new OpenRouter({ serverURL: `${base}/api/v1` });
  const code = await codeFrom(page, async (callbackUrl) => {
    const made = await nobody.oAuth.createAuthorizationUrl({ callbackUrl, codeChallenge: challenge, codeChallengeMethod: 'S256', limit: 5 });
    return made.value ?? made;
  }, 'consent-openrouter');
  const issued = await nobody.oAuth.exchangeAuthCodeForAPIKey({
    requestBody: { code, codeVerifier: verifier, codeChallengeMethod: 'S256' },
  });
  assert.match(issued.key, /^sk-/);
  done('@openrouter/sdk', sdk, 'createAuthorizationUrl, consent, exchange with PKCE');
  const client = new OpenRouter({ serverURL: `${base}/api/v1`, apiKey: issued.key });
  const ask = (more) => ({ chatRequest: { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }], ...more } });
  const whole = await client.chat.send(ask({}));
  assert.equal(whole.choices[0].message.content, TEXT);
  let streamed = '';
  for await (const event of await client.chat.send(ask({ stream: true }))) {
    streamed += event.choices[0]?.delta.content ?? '';
  }
  assert.equal(streamed, TEXT);
  const listed = await client.models.list();
  assert.deepEqual((listed.result ?? listed).data.map(({ id }) => id), ['gpt-4o', 'claude-x']);
  const mine = (await client.apiKeys.getCurrentKeyMetadata()).data;
  assert.equal(mine.limit, 5);
  assert.ok(mine.usage > 0 && mine.limitRemaining < 5, JSON.stringify(mine));
  done('@openrouter/sdk', sdk, 'chat plain and streamed, models, key with its real figures');

  const aider = (to) => `${base}/auth?callback_url=${to}&code_challenge=${challenge}&code_challenge_method=S256`;
  const plain = await redeem({
    code: await codeFrom(page, aider, 'consent-aider'), code_verifier: verifier, code_challenge_method: 'S256',
  });
  assert.match(plain.key, /^sk-/);
  done('aider', 'from source, 01fdbda, aider/onboarding.py', 'its un-encoded callback and its exchange with PKCE');

  await page.goto(`${base}/auth?code_challenge=${challenge}&code_challenge_method=S256`);
  await look(page, 'consent-code');
  await page.click('button.main[value=allow]');
  const shown = await page.inputValue('input[readonly]');
  await look(page, 'done-code');
  const env = { PATH: process.env.PATH, GATEKEY_URL: base, GATEKEY_CODE: shown, GATEKEY_VERIFIER: verifier };
  const { stdout } = await promisify(execFile)('.venv/bin/python', ['openrouter_sdk.py'], { env, timeout: 120_000 });
  process.stdout.write(stdout);
  done('openrouter (PyPI)', pinned.openrouter, 'a code copied from the page, exchange, chat plain and streamed, models, key, credits');

  const roo = 'from source, 035a53e, src/activate/handleUri.ts';
  const cline = 'from source, 75f7951, apps/vscode/src/services/uri/SharedUriHandler.ts';
  for (const [name, extension, way, source] of [['Roo Code', 'RooVeterinaryInc.roo-cline', 'openrouter', roo],
    ['Zoo Code', 'ZooCodeOrganization.zoo-code', 'openrouter', "by Roo Code's source"],
    ['Cline', 'saoudrizwan.claude-dev', 'requesty', cline]]) {
    page = await tab();
    await page.goto(`${base}/connect`);
    await page.click(`.cards li:has(h2:text-is("${name}")) a`);
    await page.waitForURL(/\/connect\/./);
    if (name === 'Roo Code') await look(page, 'consent-deep-link');
    wanted.length = 0;
    await page.click('button.main[value=allow]', { noWaitAfter: true });
    await opened(page);
    const url = wanted.find((to) => to.startsWith(`vscode://${extension}/${way}?code=`));
    assert.ok(url, wanted.join());
    const code = new URL(url).searchParams.get('code');
    const key = way === 'openrouter' ? (await redeem({ code })).key : code;
    assert.equal((await fetch(`${base}/v1/models`, headers(key))).status, 200);
    done(name, source, 'the deep link of our own page, captured in Chromium, and what it brings, used as the extension does');
  }

  for (const [path, name] of [['requesty', 'Requesty'], ['glama', 'Glama']]) {
    page = await tab();
    await page.goto(`${base}/oauth/authorize?callback_url=vscode://RooVeterinaryInc.roo-cline/${path}`);
    await look(page, `consent-${path}`);
    wanted.length = 0;
    await page.click('button.main[value=allow]', { noWaitAfter: true });
    await opened(page);
    const got = new URL(wanted.find((to) => to.startsWith('vscode:')).replace('vscode:', 'http:')).searchParams;
    let key = got.get('code');
    if (path === 'glama') {
      const traded = await fetch(`${base}/api/gateway/v1/auth/exchange-code`, {
        method: 'POST', body: JSON.stringify({ code: key }), headers: { 'content-type': 'application/json' },
      });
      key = (await traded.json()).apiKey;
    } else {
      assert.equal(got.get('baseUrl'), `${base}/v1`);
      assert.equal((await fetch(`${base}/x/apikey`, headers(key))).status, 200);
    }
    assert.equal((await fetch(`${base}/v1/models`, headers(key))).status, 200);
    done(`${name} in Roo Code`, path === 'glama' ? 'by the contract of its old builds' : roo, 'its request in Chromium, its key');
  }

  page = await tab();
  await page.goto(`${base}/apps`);
  await look(page, 'apps');
  const before = await page.locator('.rows > li').count();
  await page.click('.rows > li:has(h2:has-text("LiteLLM CLI")) button');
  await page.waitForURL(`${base}/apps`);
  assert.equal(await page.locator('.rows > li').count(), before - 1);
  assert.equal((await fetch(`${base}/v1/models`, headers(second.key))).status, 401);
  done('the page of connected apps', 'Chromium', 'the CLI ended, its key refuses at the next call');
  for (const [path, name] of [['/', 'account'], ['/connect', 'connect-connected'], ['/oauth/authorize?client_id=x', 'not-yet']]) {
    await page.goto(`${base}${path}`);
    await look(page, name);
  }
  await browser.clearCookies();
  await page.goto(`${base}/sso/login?return_to=/spend`);
  await page.fill('input[name=login]', 'grace');
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
  await page.click('button[type=submit]');
  await page.waitForURL(`${base}/spend`);
  await look(page, 'spend');
  await page.click('tbody a');
  await page.waitForSelector('text=Budgets');
  await look(page, 'spend-of-one');
  done('the page of spend', 'Chromium', 'an admin sees who spent what, and goes to one of them');
} finally {
  await browser.close();
  const code = await gate.stop();
  idp.server.close();
  api.server.close();
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  assert.equal(code, 0, 'Gatekey stops well');
}
const widths = [0, 1].map((at) => Math.max(...table.map((row) => row[at].length)));
for (const [client, which, what] of table) console.log(`${client.padEnd(widths[0])}  ${which.padEnd(widths[1])}  ${what}`);
console.log(`${table.length} passed, 0 failed; ${judged} pages without a serious fault by axe-core ${version('axe-core')}`);
process.exit(0);
