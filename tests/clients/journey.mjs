// The whole journey in Debian's Chromium: link, sign-in at a certified provider, consent, and the key's arrival
// at an editor, on loopback and on the web; then the official SDKs call models with that key.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { around, gatekey, listen, provider, upstream, websites } from './world.mjs';

const LINK = '/sso/key/generate?response_type=oauth_token';
let passed = 0;
const check = async (name, what) => {
  page = await tab();
  try {
    await what();
  } catch (error) {
    console.error(`not ok - ${name}, at ${page.url()}: ${await page.textContent('body').catch(() => '')}`);
    throw error;
  }
  passed += 1;
  console.log(`ok - ${name}`);
};

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
drain = "2s"
[signin]
admin_subject = "grace"
debug = true
${around(idp, api)}`);

/** https://ide.example goes on to an app of its own, as a web editor's callback does. */
const visits = [];
const web = await websites((request, response) => {
  visits.push(`https://${request.headers.host}${request.url}`);
  if (request.headers.host === 'ide.example') {
    response.writeHead(302, { location: 'claude://done' }).end();
  } else {
    response.end('You can close this page.');
  }
});

const profile = mkdtempSync(join(tmpdir(), 'gatekey-chromium-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1000, height: 760 },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--ignore-certificate-errors',
    `--host-resolver-rules=MAP *.example 127.0.0.1:${web.port}`],
});

/** Where the page wanted to go, custom schemes included, which a headless browser cannot open. */
const wanted = [];
let page;
/** A tab for each check: the attempt to open an editor is never answered here, and would hold the next one up. */
const tab = async () => {
  const fresh = await browser.newPage();
  const devtools = await browser.newCDPSession(fresh);
  await devtools.send('Page.enable');
  devtools.on('Page.frameRequestedNavigation', ({ url }) => wanted.push(url));
  return fresh;
};

const shot = async (name) => {
  const of = page;
  if (!process.env.PAGES) return;
  mkdirSync(process.env.PAGES, { recursive: true });
  for (const [size, width, height] of [['wide', 1000, 760], ['narrow', 390, 780]]) {
    await of.setViewportSize({ width, height });
    for (const colorScheme of ['light', 'dark']) {
      await of.emulateMedia({ colorScheme });
      await of.screenshot({ path: join(process.env.PAGES, `${name}-${size}-${colorScheme}.png`) });
    }
  }
  await of.setViewportSize({ width: 1000, height: 760 });
  await of.emulateMedia({ colorScheme: 'light' });
};
const link = (to, state) => `${base}${LINK}&redirect_uri=${encodeURIComponent(to)}&state=${state}`;
const params = (url) => new URL(url.replace(/^vscode:/, 'http:')).searchParams;

let key;
try {
  await check('an editor: sign-in at the provider, consent, vscode:// with the key', async () => {
    await page.goto(link('vscode://RooVeterinaryInc.roo-cline/litellm', 'from-editor'));
    assert.ok(page.url().startsWith(idp.issuer), page.url());
    await page.fill('input[name=login]', 'ada');
    await page.fill('input[name=password]', 'any');
    await page.click('button[type=submit]');
    await page.click('button[type=submit]'); // the provider's own consent
    await page.waitForURL(/\/connect\//);
    assert.match(await page.textContent('h1'), /Roo Code/);
    assert.match(await page.textContent('body'), /ada@acme\.example/);
    await shot('consent');
    await page.selectOption('select[name=team]', { label: 'Web' });
    await page.click('button[value=allow]');
    await page.waitForSelector('text=Open it again');
    const to = await page.getAttribute('a.main', 'href');
    assert.ok(to.startsWith('vscode://RooVeterinaryInc.roo-cline/litellm?access_token=sk-'), to);
    assert.equal(params(to).get('state'), 'from-editor');
    key = params(to).get('access_token');
    await page.waitForTimeout(300);
    assert.ok(wanted.includes(to), 'the page navigates by itself');
    await page.click('summary');
    assert.equal(await page.inputValue('input.mono'), key);
    await shot('returned');
    const info = await fetch(`${base}/key/info`, { headers: { authorization: `Bearer ${key}` } });
    assert.equal((await info.json()).info.team_alias, 'Web');
  });

  await check('loopback on another port gets the key', async () => {
    const arrived = [];
    const app = await listen((request, response) => {
      arrived.push(request.url);
      response.end('You can close this page.');
    });
    await page.goto(link(`http://127.0.0.1:${app.port}/callback?own=1`, 'from-loopback'));
    await page.click('button[value=allow]');
    await page.waitForURL(`http://127.0.0.1:${app.port}/**`);
    const seen = params(`http://x${arrived.find((url) => url.startsWith('/callback'))}`);
    assert.deepEqual([seen.get('own'), seen.get('state'), seen.get('token_type')], ['1', 'from-loopback', 'Bearer']);
    assert.match(seen.get('access_token'), /^sk-/);
    app.server.close();
  });

  await check('k20: an https callback that goes on to an app of its own gets the key', async () => {
    await page.goto(link('https://ide.example/cb', 'from-web'));
    assert.match(await page.textContent('.note'), /website/);
    await shot('consent-web');
    await page.click('button[value=allow]', { noWaitAfter: true });
    for (let tries = 0; visits.length === 0 && tries < 100; tries += 1) await page.waitForTimeout(50);
    assert.match(params(visits[0]).get('access_token'), /^sk-/);
    assert.equal(params(visits[0]).get('state'), 'from-web');
  });

  await check('a no goes back as access_denied', async () => {
    await page.goto(link('https://no.example/cb', 's'));
    await page.click('button[value=deny]');
    await page.waitForURL('https://no.example/**');
    const [seen] = visits.filter((url) => url.startsWith('https://no.example/cb'));
    assert.deepEqual([params(seen).get('error'), params(seen).get('state')], ['access_denied', 's']);
  });

  await check('c16: the form works without JavaScript and by keyboard alone', async () => {
    const devtools = await browser.newCDPSession(page);
    await devtools.send('Emulation.setScriptExecutionDisabled', { value: true });
    await page.goto(link('https://keys.example/cb', 's'));
    await page.focus('button[value=deny]');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL('https://keys.example/**');
    const [seen] = visits.filter((url) => url.startsWith('https://keys.example/cb'));
    assert.match(params(seen).get('access_token'), /^sk-/);
  });

  await check('json in this browser, and the account page', async () => {
    await page.goto(`${base}${LINK}`);
    const shown = JSON.parse(await page.textContent('body'));
    assert.deepEqual([shown.token_type, shown.scope, shown.expires_in], ['Bearer', 'litellm:api', 86400]);
    await page.goto(base);
    assert.equal(await page.locator('.keys > li').count(), 5);
    assert.match(await page.textContent('dl'), /Data science.*Web/);
    await shot('account');
    await page.click('.keys > li:first-child button.stop >> nth=0');
    await page.waitForLoadState();
    assert.equal(await page.locator('.keys > li').count(), 4);
    await page.goto(`${base}/login`);
    await shot('login');
    await page.goto(`${base}/sso/callback/company?state=old&code=x`);
    assert.match(await page.textContent('h1'), /over/);
    await shot('problem');
  });

  await check('the official SDKs of OpenAI and Anthropic, plain, streamed and compressed', async () => {
    const env = { PATH: process.env.PATH, GATEKEY_URL: base, GATEKEY_KEY: key };
    const { stdout: said } = await promisify(execFile)('.venv/bin/python', ['sdks.py'], { env, timeout: 120_000 });
    process.stdout.write(said);
    passed += said.trim().split('\n').length;
    assert.ok(api.seen.every(({ headers }) => !JSON.stringify(headers).includes(key)), 'the key stays here');
    const info = await fetch(`${base}/key/info`, { headers: { authorization: `Bearer ${key}` } });
    const { calls: booked, input_tokens, output_tokens } = (await info.json()).info.usage;
    const calls = api.seen.filter(({ path }) => !path.includes('count_tokens')).length;
    assert.deepEqual({ booked, input_tokens, output_tokens },
      { booked: calls, input_tokens: 9 * calls, output_tokens: 6 * calls });
  });

  await check('the official SDKs raise on a spent budget at once, and try a rate again', async () => {
    const made = async (limits) => {
      const sent = await fetch(`${base}/key/generate`, {
        method: 'POST', body: JSON.stringify(limits),
        headers: { authorization: 'Bearer sk-the-master-key-of-these-tests', 'content-type': 'application/json' },
      });
      return (await sent.json()).key;
    };
    const keys = { SPENT: await made({ max_budget: 0 }), SLOW: await made({ max_parallel_requests: 0 }) };
    const env = { PATH: process.env.PATH, GATEKEY_URL: base, ...keys };
    const before = api.seen.length;
    const { stdout: said } = await promisify(execFile)('.venv/bin/python', ['budgets.py'], { env, timeout: 60_000 });
    process.stdout.write(said);
    passed += said.trim().split('\n').length;
    assert.equal(api.seen.length, before, 'nothing left');
  });

  await check('sign out, and the provider is asked which account', async () => {
    await page.goto(base);
    await page.click('.bar button');
    await page.waitForURL(/\/login/);
    await page.click('a.main');
    await page.waitForURL(`${idp.issuer}/**`);
    assert.ok(await page.locator('input[name=login]').count(), 'it does not sign the same account in silently');
  });

  await check('an admin finds a person, and blocks and unblocks them with a reason', async () => {
    await page.goto(`${base}/sso/login?return_to=/people`);
    await page.fill('input[name=login]', 'grace');
    await page.fill('input[name=password]', 'any');
    await page.click('button[type=submit]');
    await page.click('button[type=submit]');
    await page.waitForURL(`${base}/people`);
    await shot('people');
    await page.fill('input[name=search]', 'lovel');
    await page.keyboard.press('Enter');
    await page.click('.people a');
    await page.waitForURL(`${base}/people/user_*`);
    await shot('person');
    const models = { headers: { authorization: `Bearer ${key}` } };
    assert.equal((await fetch(`${base}/v1/models`, models)).status, 200);
    await page.fill('input[name=reason]', 'left on Friday');
    await page.click('text=Block');
    await page.waitForSelector('text=Let them in again');
    assert.match(await page.textContent('.note'), /left on Friday/);
    await shot('person-blocked');
    assert.equal((await fetch(`${base}/v1/models`, models)).status, 401);
    await page.click('text=Let them in again');
    await page.waitForSelector('input[name=reason]');
    assert.equal((await fetch(`${base}/v1/models`, models)).status, 200);
    await page.goto(base);
    await shot('account-admin');
  });

  await check('an admin sees what the provider says, and nobody is signed in by it', async () => {
    await page.goto(`${base}/sso/debug/login`);
    await page.waitForSelector('text=Claims as they came');
    assert.match(await page.textContent('.well'), /would be let in, as proxy_admin/);
    assert.doesNotMatch(await page.textContent('body'), /at_hash|nonce/);
    await shot('debug');
  });
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
  const code = await gate.stop();
  web.server.close();
  idp.server.close();
  api.server.close();
  assert.equal(code, 0, 'Gatekey stops well');
}
console.log(`${passed} passed, 0 failed`);
process.exit(0);
