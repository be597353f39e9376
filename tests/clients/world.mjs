// What stands around Gatekey in these tests: a certified OpenID provider, an upstream, and Gatekey itself.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Provider } from 'oidc-provider';

export const listen = (handler, port = 0) =>
  new Promise((resolve) => {
    const server = createServer(handler);
    server.listen(port, '127.0.0.1', () => resolve({ server, port: server.address().port }));
  });

/** Websites over https, all at one port, with a certificate of their own making. */
export async function websites(handler) {
  const folder = mkdtempSync(join(tmpdir(), 'gatekey-tls-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '1', '-subj', '/CN=example', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const server = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, handler);
  rmSync(folder, { recursive: true, force: true });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: server.address().port };
}

/** npm oidc-provider, with its own sign-in and consent pages. */
export async function provider(gatekey) {
  const { server, port } = await listen();
  const issuer = `http://127.0.0.1:${port}`;
  const oidc = new Provider(issuer, {
    clients: [{
      client_id: 'gatekey', client_secret: 'hush', redirect_uris: [`${gatekey}/sso/callback/company`],
    }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id, email: `${id}@acme.example`, email_verified: true,
        name: id === 'ada' ? 'Ada Lovelace' : 'Grace Hopper', groups: id === 'ada' ? ['eng-data', 'eng-web'] : [],
      }),
    }),
    cookies: { keys: ['of these tests'] },
    jwks: undefined,
  });
  oidc.proxy = false;
  server.on('request', oidc.callback());
  return { issuer, server };
}

const text = ['Hello', ' from', ' a', ' real', ' shape', '.'];
/** What is spoken and painted here: every byte there is, and the smallest picture. */
const SOUND = Buffer.from(Array.from({ length: 25_600 }, (_, at) => at % 256));
const PICTURE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** An upstream with the shapes of the two great APIs; it compresses when the prompt says so. */
export async function upstream() {
  const seen = [];
  const { server, port } = await listen(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces);
    // A form stays as it came, a character for each byte.
    const isForm = request.headers['content-type']?.startsWith('multipart/form-data');
    const asked = isForm ? { form: body.toString('latin1') } : JSON.parse(body.toString() || '{}');
    seen.push({ method: request.method, path: request.url, headers: request.headers, body: asked });
    const gzip = JSON.stringify(asked.messages ?? '').includes('compress');
    const answer = (type, whole) => {
      const bytes = gzip ? gzipSync(whole) : whole;
      response.writeHead(200, { 'content-type': type, ...(gzip && { 'content-encoding': 'gzip' }) });
      response.end(bytes);
    };
    const events = async (list) => {
      if (gzip) return answer('text/event-stream', list.join(''));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of list) {
        response.write(event);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      response.end();
    };
    if (request.url === '/v1/chat/completions') return chat(asked, answer, events);
    if (request.url.startsWith('/v1/messages/count_tokens')) return answer('application/json', '{"input_tokens":9}');
    if (request.url.startsWith('/v1/messages')) return messages(asked, answer, events);
    if (request.url === '/v1/completions') return completions(asked, answer, events);
    if (request.url === '/v1/responses') return responses(asked, `resp_${seen.length}`, answer, events);
    const [, id, below] = request.url.match(/^\/v1\/responses\/(\w+)(\/input_items)?(\?|$)/) ?? [];
    if (id) return answer('application/json', JSON.stringify(kept(request.method, id, below)));
    const made = files[request.url]?.(asked);
    if (made) return answer(...(Array.isArray(made) ? made : ['application/json', JSON.stringify(made)]));
    response.writeHead(404).end();
  });
  return { server, port, seen };
}

function chat(asked, answer, events) {
  const base = { id: 'chatcmpl-1', created: 1, model: asked.model };
  const usage = { prompt_tokens: 9, completion_tokens: 6, total_tokens: 15 };
  if (!asked.stream) {
    const message = { role: 'assistant', content: text.join('') };
    return answer('application/json', JSON.stringify({
      ...base, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }], usage,
    }));
  }
  const chunk = (choices, more = {}) =>
    `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, usage: null, ...more })}\n\n`;
  const delta = (content, finish_reason = null) => chunk([{ index: 0, delta: { content }, finish_reason }]);
  return events([
    ...text.map((word) => delta(word)), delta('', 'stop'),
    ...(asked.stream_options?.include_usage ? [chunk([], { usage })] : []), 'data: [DONE]\n\n',
  ]);
}

function messages(asked, answer, events) {
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: asked.model, stop_sequence: null };
  if (!asked.stream) {
    const content = [{ type: 'text', text: text.join('') }];
    const usage = { input_tokens: 9, output_tokens: 6 };
    return answer('application/json', JSON.stringify({ ...message, content, stop_reason: 'end_turn', usage }));
  }
  const event = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
  const usage = { input_tokens: 9, output_tokens: 1 };
  return events([
    event({ type: 'message_start', message: { ...message, content: [], stop_reason: null, usage } }),
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    event({ type: 'ping' }),
    ...text.map((word) => event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: word } })),
    event({ type: 'content_block_stop', index: 0 }),
    event({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 6 } }),
    event({ type: 'message_stop' }),
  ]);
}

function completions(asked, answer, events) {
  const usage = { prompt_tokens: 9, completion_tokens: 6, total_tokens: 15 };
  const part = (text, finish_reason, more) => JSON.stringify({
    id: 'cmpl-1', object: 'text_completion', created: 1, model: asked.model,
    choices: [{ index: 0, text, finish_reason, logprobs: null }], ...more,
  });
  if (!asked.stream) return answer('application/json', part(text.join(''), 'stop', { usage }));
  return events([
    ...text.map((word) => part(word, null)), part('', 'stop'),
    ...(asked.stream_options?.include_usage ? [part('', null, { choices: [], usage })] : []), '[DONE]',
  ].map((data) => `data: ${data}\n\n`));
}

/** An answer of /v1/responses, in the making or whole. */
const made = (id, model, status) => {
  const whole = status === 'completed';
  const content = [{ type: 'output_text', text: text.join(''), annotations: [] }];
  const usage = {
    input_tokens: 11, input_tokens_details: { cached_tokens: 4 }, output_tokens: 7,
    output_tokens_details: { reasoning_tokens: 2 }, total_tokens: 18,
  };
  return {
    id, object: 'response', created_at: 1, status, model, error: null, parallel_tool_calls: true, tool_choice: 'auto',
    tools: [], output: whole ? [{ id: 'msg_1', type: 'message', role: 'assistant', status, content }] : [],
    usage: whole ? usage : null,
  };
};

function responses(asked, id, answer, events) {
  const whole = made(id, asked.model, 'completed');
  if (!asked.stream) return answer('application/json', JSON.stringify(whole));
  const [item] = whole.output;
  const [part] = item.content;
  const place = { item_id: item.id, output_index: 0, content_index: 0 };
  const list = [
    { type: 'response.created', response: made(id, asked.model, 'in_progress') },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, status: 'in_progress', content: [] } },
    { type: 'response.content_part.added', ...place, part: { ...part, text: '' } },
    ...text.map((delta) => ({ type: 'response.output_text.delta', ...place, delta })),
    { type: 'response.output_text.done', ...place, text: part.text },
    { type: 'response.content_part.done', ...place, part },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: whole },
  ];
  return events(list.map((event, sequence_number) =>
    `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number })}\n\n`));
}

/** What the upstream kept of an answer. */
const kept = (method, id, below) => {
  if (method === 'DELETE') return { id, object: 'response', deleted: true };
  if (!below) return made(id, 'gpt-4o', 'completed');
  const content = [{ type: 'input_text', text: 'Hello' }];
  const item = { id: 'msg_0', type: 'message', role: 'user', status: 'completed', content };
  return { object: 'list', data: [item], first_id: item.id, last_id: item.id, has_more: false };
};

const pictures = (count) => ({ created: 1, data: Array.from({ length: count }, () => ({ b64_json: PICTURE })) });
const transcript = (form, usage) => {
  const plain = /name="response_format"\r\n\r\ntext\r\n/.test(form);
  return plain ? ['text/plain', `${text.join('')}\n`] : { text: text.join(''), ...usage };
};

/** The other routes, which answer at once. Not all say what was used. */
const files = {
  '/v1/embeddings': ({ model, encoding_format }) => {
    const numbers = [0.25, -0.5, 1];
    // The SDKs ask for this unless told otherwise.
    const packed = () => Buffer.from(new Float32Array(numbers).buffer).toString('base64');
    const embedding = encoding_format === 'base64' ? packed() : numbers;
    const usage = { prompt_tokens: 9, total_tokens: 9 };
    return { object: 'list', model, data: [{ object: 'embedding', index: 0, embedding }], usage };
  },
  '/v1/images/generations': ({ n = 1 }) => pictures(n),
  '/v1/images/edits': () => pictures(1),
  '/v1/audio/speech': () => ['audio/mpeg', SOUND],
  '/v1/audio/transcriptions': ({ form }) => transcript(form, { usage: { type: 'duration', seconds: 2 } }),
  '/v1/audio/translations': ({ form }) => transcript(form),
  '/v1/moderations': ({ model }) => ({
    id: 'modr-1', model, results: [{ flagged: false, categories: {}, category_scores: {} }],
  }),
  '/v1/rerank': () => ({
    id: 'rerank-1', results: [{ index: 1, relevance_score: 0.9 }], meta: { billed_units: { search_units: 1 } },
  }),
};

/** The release build, over a folder of its own. */
export async function gatekey(port, settings) {
  const folder = mkdtempSync(join(tmpdir(), 'gatekey-clients-'));
  writeFileSync(join(folder, 'gatekey.toml'), settings);
  const child = spawn(process.env.GATEKEY, ['serve'], {
    cwd: folder, env: { PATH: process.env.PATH }, stdio: ['ignore', 'inherit', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    const ready = await fetch(`${url}/health/readiness`).then((seen) => seen.ok, () => false);
    if (ready) break;
    if (tries > 100 || child.exitCode !== null) throw new Error('Gatekey did not get ready');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const stop = () => new Promise((resolve) => {
    child.once('exit', (code) => {
      rmSync(folder, { recursive: true, force: true });
      resolve(code);
    });
    child.kill('SIGTERM');
  });
  return { url, folder, stop };
}

/** What both runs have in their settings: two teams by group, the provider, the upstreams, a budget
 * for each key. */
export const around = (idp, api) => `
[limits.default_key_generate_params]
max_budget = "20"
budget_duration = "monthly"
[[team]]
name = "Data science"
groups = ["eng-data"]
[[team]]
name = "Web"
groups = ["eng-web"]
[[idp]]
name = "company"
issuer = "${idp.issuer}"
client_id = "gatekey"
client_secret = "hush"
[[upstream]]
name = "openai"
kind = "openai"
base_url = "http://127.0.0.1:${api.port}/v1"
api_key = "sk-of-the-provider"
[[upstream]]
name = "anthropic"
kind = "anthropic"
base_url = "http://127.0.0.1:${api.port}"
api_key = "sk-of-the-provider"
[[model]]
name = "gpt-4o"
upstream = "openai"
[[model]]
name = "claude-x"
upstream = "anthropic"
[model.price]
input = "3"
output = "15"
`;
