// The official TypeScript SDK's client against the real tracecar, over stdio,
// streamable HTTP and legacy SSE: every tool, with the answers held to their
// output schemas by the SDK, progress, cancellation, errors, and the rest of
// what the server offers.
//
//   node client.mjs TRACECAR [BPFTRACE]
//
// Exit status 0: everything is as it should be.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';

const [program, bpftrace] = process.argv.slice(2);
if (!program) {
  console.error('usage: node client.mjs TRACECAR [BPFTRACE]');
  process.exit(2);
}
const flags = bpftrace ? ['--bpftrace', bpftrace] : [];

const counting = 'tracepoint:raw_syscalls:sys_enter { @calls[comm] = count(); }';
const printing = 'BEGIN { printf("hello %d\\n", 7); print((1, "a", -3)); @x["a, b", 18446744073709551615] = count(); exit(); }';

// Waits for a condition that another process makes true.
async function until(what, condition) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert(Date.now() < deadline, `${what}: not in 30 s`);
    await new Promise((r) => setTimeout(r, 50));
  }
}

async function exercise(name, transport) {
  const client = new Client({ name: 'tracecar-tsclient', version: '1.0.0' });
  await client.connect(transport);
  const call = async (tool, args, options) => {
    const result = await client.callTool({ name: tool, arguments: args }, undefined, { timeout: 120_000, ...options });
    if (result.structuredContent) {
      assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent, 'text and structured content differ');
    }
    return result;
  };
  const good = async (tool, args, options) => {
    const result = await call(tool, args, options);
    assert(!result.isError, `${tool}: ${result.content[0].text}`);
    return result.structuredContent;
  };

  assert.match(client.getInstructions(), /bpftrace/);
  // Also makes the SDK check every answer against its output schema.
  const { tools } = await client.listTools();
  assert.equal(tools.length, 9);
  for (const tool of tools) assert(tool.outputSchema && tool.description && tool.annotations.title, tool.name);

  const info = await good('get_bpftrace_info', {});
  assert(info.available, JSON.stringify(info.problems));
  assert.match(info.version, /^\d+\.\d+/);

  const ran = await good('execute_bpftrace_script', { script: printing });
  assert.equal(ran.status, 'completed');
  assert.deepEqual(ran.events.map((e) => e.data), ['hello 7\n', [1, 'a', -3]]);
  assert.deepEqual(ran.maps[0].rows.map((r) => r.value), [1]);

  const seen = [];
  const timed = await good('execute_bpftrace_script', { script: counting, timeout: 3 }, { onprogress: (p) => seen.push(p) });
  assert.equal(timed.status, 'timed_out');
  assert.equal(timed.exit_code, 124);
  assert(timed.maps[0].rows.length > 0, 'no system calls in 3 s');
  assert(seen.length > 0, 'no progress');
  assert(seen.every((p) => p.total === 3 && / of 3 s$/.test(p.message)), JSON.stringify(seen));

  const failed = await call('execute_bpftrace_script', { script: 'BEGIN { @x = count(); @x = hist(1); exit(); }' });
  assert(failed.isError);
  assert.equal(failed.structuredContent.status, 'failed');
  assert(failed.structuredContent.diagnostics.some((d) => d.severity === 'error'));

  assert.equal(info.role, 'caller');
  const refused = await call('execute_bpftrace_script', { script: 'BEGIN {\n  cat("/etc/shadow"); }' });
  assert(refused.isError);
  assert.equal(refused.structuredContent.status, 'refused');
  const [why] = refused.structuredContent.diagnostics;
  assert(why.rule === 'function' && why.line === 2 && why.hint.startsWith('allowed: '), JSON.stringify(why));

  const unknown = await call('execute_bpftrace_script', { script: 'BEGIN { }', timout: 3 });
  assert(unknown.isError);
  assert.match(unknown.content[0].text, /"timout": unknown/);

  assert((await good('validate_bpftrace_script', { script: counting })).valid);
  const invalid = await good('validate_bpftrace_script', { script: 'BEGIN {' });
  assert(!invalid.valid && invalid.diagnostics.length > 0);

  const first = await good('list_probes', { pattern: 'tracepoint:syscalls:sys_enter_*', limit: 5 });
  const second = await good('list_probes', { pattern: 'tracepoint:syscalls:sys_enter_*', limit: 5, cursor: first.next_cursor });
  assert.equal(new Set([...first.probes, ...second.probes].map((p) => p.name)).size, 10);
  const detailed = await good('list_probes', { pattern: 'tracepoint:syscalls:sys_enter_openat', details: true });
  assert(detailed.probes[0].args.some((a) => a.name === 'filename'), JSON.stringify(detailed));

  const { scripts } = await good('list_scripts', { query: 'system calls count' });
  assert(scripts.some((s) => s.name === 'syscall-counts'), JSON.stringify(scripts.map((s) => s.name)));
  const ready = await good('execute_bpftrace_script', { script: '@library/syscall-counts', timeout: 1 });
  assert(ready.maps.some((m) => m.rows.length > 0), JSON.stringify(ready));

  const started = await good('start_run', { script: `interval:ms:100 { printf("tick\\n"); } ${counting}`, timeout: 60 });
  let cursor = started.cursor;
  await until('events of a live run', async () => {
    const state = await good('get_run', { id: started.id, cursor, wait: 0.2 });
    assert(state.cursor >= cursor);
    cursor = state.cursor;
    return state.events.length > 0;
  });
  assert((await good('list_runs', {})).runs.some((r) => r.id === started.id && r.status === 'running'));
  const stopped = await good('stop_run', { id: started.id });
  assert.equal(stopped.status, 'cancelled');
  assert(stopped.maps.find((m) => m.name === '@calls').rows.length > 0);

  // A cancelled call stops its bpftrace.
  const abort = new AbortController();
  const marker = `/* ${name} ${process.pid} */ ${counting}`;
  const cancelled = assert.rejects(call('execute_bpftrace_script', { script: marker, timeout: 100 }, { signal: abort.signal }));
  const live = async () => (await good('list_runs', {})).runs.some((r) => r.script === marker && r.status === 'running' && r.probes_attached > 0);
  await until('the run is live', live);
  abort.abort();
  await cancelled;
  await until('the cancelled run has ended', async () => !(await live()));

  const { resources } = await client.listResources();
  for (const { uri } of resources) JSON.parse((await client.readResource({ uri })).contents[0].text);
  JSON.parse((await client.readResource({ uri: `tracecar://runs/${started.id}` })).contents[0].text);
  const { prompts } = await client.listPrompts();
  assert(prompts.length >= 2);
  const plan = await client.getPrompt({ name: 'investigate_latency', arguments: { syscall: 'read' } });
  assert.match(plan.messages[0].content.text, /sys_enter_read/);
  const { completion } = await client.complete({ ref: { type: 'ref/prompt', name: 'investigate_latency' }, argument: { name: 'syscall', value: 'opena' } });
  assert(completion.values.includes('openat'), JSON.stringify(completion));

  await client.close();
  console.log(`ok: ${name}`);
}

await exercise('stdio', new StdioClientTransport({ command: program, args: ['mcp', ...flags], stderr: 'inherit' }));

const server = spawn(program, ['serve', '--listen', '127.0.0.1:0', ...flags], { stdio: ['ignore', 'inherit', 'pipe'] });
try {
  let log = '';
  const url = await new Promise((resolve, reject) => {
    server.stderr.on('data', (chunk) => {
      log += chunk;
      const found = log.match(/http:\/\/127\.0\.0\.1:\d+/);
      if (found) resolve(found[0]);
    });
    server.on('exit', (code) => reject(new Error(`tracecar serve ended with ${code}: ${log}`)));
  });
  await exercise('streamable HTTP', new StreamableHTTPClientTransport(new URL(`${url}/mcp`)));
  await exercise('SSE', new SSEClientTransport(new URL(`${url}/sse`)));
} finally {
  server.removeAllListeners('exit');
  const ended = new Promise((r) => server.once('exit', r));
  server.kill('SIGTERM');
  await ended;
}
