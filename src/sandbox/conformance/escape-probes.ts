/**
 * Ways out that app code may try, each the body of an async function. `deno` is the runtime's own API, which hostile code
 * finds on the global object; built-in modules of the runtime are reached by `import()` from a worker, whose code is a
 * module. A probe is held when it throws what `refusal` says, or returns what `value` says.
 */
export interface EscapeProbe {
  readonly name: string;
  readonly code: string;
  readonly refusal?: RegExp;
  readonly value?: unknown;
}

const notCapable = /Requires .* access|NotCapable|No such file|Failed to create cache|EPERM/;
const refusedByUs = /is not available in the sandbox/;

function refused(name: string, code: string, refusal: RegExp = notCapable): EscapeProbe {
  return { name, code, refusal };
}

function harmless(name: string, code: string, value: unknown): EscapeProbe {
  return { name, code, value };
}

/** Tried in the realm of the app. */
export const probesInApp: readonly EscapeProbe[] = [
  refused('read a file', 'deno.readTextFileSync("/etc/passwd")'),
  refused('read a file, asynchronously', 'await deno.readFile("/etc/hostname")'),
  refused('read a file by a URL', 'deno.readTextFileSync(new URL("file:///etc/passwd"))'),
  refused('read a file by a path with dots', 'deno.readTextFileSync("/tmp/../etc/passwd")'),
  refused('open a file', 'deno.openSync("/etc/shadow")'),
  refused('open a device', 'deno.openSync("/dev/zero")'),
  refused('read /proc/self/environ', 'deno.readTextFileSync("/proc/self/environ")'),
  refused('read /proc/self/mem', 'deno.openSync("/proc/self/mem", { read: true, write: true })'),
  refused('read /proc/1/root', 'deno.readTextFileSync("/proc/1/root/etc/passwd")'),
  refused('list a directory', 'return [...deno.readDirSync("/")].length'),
  refused('look at a file', 'return deno.statSync("/etc/passwd").size'),
  refused('resolve a path', 'return deno.realPathSync("/proc/self/exe")'),
  refused('read its own runtime', 'deno.readTextFileSync(new URL(deno.mainModule))'),
  refused('write a file', 'deno.writeTextFileSync("/tmp/escaped", "x")'),
  refused('make a temporary file', 'deno.makeTempFileSync()'),
  refused('make a directory', 'deno.mkdirSync("/tmp/escaped")'),
  refused('make a symbolic link', 'deno.symlinkSync("/etc/passwd", "link")'),
  refused('remove a file', 'deno.removeSync("/tmp")'),
  refused('watch files', 'deno.watchFs("/etc")'),
  refused('change the directory', 'deno.chdir("/")'),
  refused('run a program', 'new deno.Command("/bin/sh", { args: ["-c", "id"] }).outputSync()'),
  refused('run a program, asynchronously', 'await new deno.Command("/bin/sh").output()'),
  refused('send a signal to the gateway', 'deno.kill(deno.ppid > 1 ? deno.ppid : 2, "SIGKILL")'),
  refused(
    'load a library',
    'deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", { getpid: { parameters: [], result: "i32" } })',
  ),
  refused('read memory by a pointer', 'new deno.UnsafePointerView(deno.UnsafePointer.create(4096n)).getUint8()'),
  refused('read the environment', 'deno.env.toObject()'),
  refused('read one variable', 'deno.env.get("PATH")'),
  refused('the name of the host', 'deno.hostname()'),
  refused('the interfaces of the host', 'deno.networkInterfaces()'),
  refused('the memory of the host', 'deno.systemMemoryInfo()'),
  refused('connect to loopback', 'await deno.connect({ hostname: "127.0.0.1", port: 80 })'),
  refused('connect to the outside', 'await deno.connect({ hostname: "1.1.1.1", port: 53 })'),
  refused('connect with TLS', 'await deno.connectTls({ hostname: "example.com", port: 443 })'),
  refused('connect to a unix socket', 'await deno.connect({ transport: "unix", path: "/var/run/docker.sock" })'),
  refused('connect to its own control socket again', 'await deno.connect({ transport: "unix", path: deno.args[0] })'),
  refused('listen', 'deno.listen({ port: 0 })'),
  refused('listen on a unix socket', 'deno.listen({ transport: "unix", path: "/tmp/escaped.sock" })'),
  refused('serve', 'deno.serve({ port: 0 }, () => new Response())'),
  refused('resolve a name', 'await deno.resolveDns("example.com", "A")'),
  harmless(
    'ask for permissions',
    'return ["read", "write", "net", "env", "run", "sys", "ffi", "import"].map((name) => deno.permissions.requestSync({ name }).state)',
    Array(8).fill('denied'),
  ),
  refused('fetch a file', 'await fetch("file:///etc/passwd")', /not allowed/),
  refused('load code with importScripts', 'importScripts("https://esm.sh/lodash")', /importScripts is not defined/),
  refused('import remote code', 'await import("https://esm.sh/lodash")', /dynamic import/),
  refused('import remote code by eval', 'await (0, eval)("import(\'https://esm.sh/lodash\')")', /dynamic import/),
  refused('require a package', 'require("left-pad")', /only built-in modules/),
  refused('require a file', 'require("/etc/passwd")', /only built-in modules/),
  refused('require by a URL', 'require("file:///etc/passwd")', /only built-in modules/),
  refused(
    'require with a made require',
    'require("module").createRequire("file:///")("./etc/passwd")',
    /only built-in modules/,
  ),
  refused('fs.readFileSync', 'require("fs").readFileSync("/etc/passwd")', refusedByUs),
  refused('fs.promises', 'await require("fs").promises.readFile("/etc/passwd")', refusedByUs),
  refused('fs/promises', 'await require("node:fs/promises").writeFile("/tmp/escaped", "")', refusedByUs),
  refused('child_process', 'require("child_process").execSync("id")', refusedByUs),
  refused('worker_threads', 'new (require("worker_threads").Worker)("1", { eval: true })', refusedByUs),
  refused('cluster', 'require("cluster").fork()', refusedByUs),
  refused('vm', 'require("vm").runInNewContext("1")', refusedByUs),
  refused('inspector', 'require("inspector").open(0)', refusedByUs),
  refused('sqlite', 'new (require("node:sqlite").DatabaseSync)("/tmp/escaped.db")', refusedByUs),
  refused('dgram', 'require("dgram").createSocket("udp4")', refusedByUs),
  refused('net.createServer', 'require("net").createServer()', refusedByUs),
  refused('http.createServer', 'require("http").createServer()', refusedByUs),
  refused('process.binding', 'process.binding("fs")', refusedByUs),
  refused('process.dlopen', 'process.dlopen({}, "/lib/x86_64-linux-gnu/libc.so.6")', refusedByUs),
  refused('process.kill', 'process.kill(process.ppid, 9)', refusedByUs),
  refused('process.exit', 'process.exit(1)', refusedByUs),
  harmless('process.env', 'return Object.keys(process.env)', []),
  harmless('stores on disk', 'return [typeof localStorage, typeof sessionStorage, typeof caches]', [
    'undefined',
    'undefined',
    'undefined',
  ]),
  harmless(
    'the user of the host',
    'return require("os").userInfo().username + require("os").hostname()',
    'applocalhost',
  ),
  refused(
    'more than four workers',
    'for (let n = 0; n < 5; n++) new Worker("data:text/javascript,", { type: "module" })',
    /4 workers/,
  ),
];

/** Tried in a worker, where `import()` reaches the runtime's own built-in modules. */
export const probesInWorker: readonly EscapeProbe[] = [
  refused('Deno in a worker', 'Deno.readTextFileSync("/etc/passwd")'),
  refused('connect from a worker', 'await Deno.connect({ hostname: "127.0.0.1", port: 80 })'),
  refused('run from a worker', 'new Deno.Command("/bin/sh").outputSync()'),
  refused('fetch from a worker', 'await fetch("http://127.0.0.1:3011/")'),
  refused('fetch from a worker to the outside', 'await fetch("https://example.com/")'),
  refused(
    'WebSocket from a worker',
    'await new Promise((ok, no) => { const ws = new WebSocket("ws://127.0.0.1:3011/"); ws.onopen = ok; ws.onerror = (event) => no(event.error ?? event); })',
  ),
  refused('caches of a worker', 'await caches.open("x")'),
  refused('import a file', 'await import("file:///etc/passwd")'),
  refused('import remote code', 'await import("https://esm.sh/lodash")', /import access/),
  refused('import from npm', 'await import("npm:lodash")', /--no-npm/),
  refused('import from JSR', 'await import("jsr:@std/assert")', /import access/),
  refused(
    'a worker of a remote script',
    'await new Promise((ok, no) => { const w = new Worker("https://esm.sh/x", { type: "module" }); w.onmessage = ok; w.onerror = (event) => { event.preventDefault(); no(new Error(event.message)); }; })',
    /import access/,
  ),
  refused('the real fs', '(await import("node:fs")).readFileSync("/etc/passwd")'),
  refused('the real fs, open', '(await import("node:fs")).openSync("/proc/self/environ")'),
  harmless(
    'the real fs, descriptors beyond the standard ones',
    'const fs = await import("node:fs"); const open = []; for (let fd = 3; fd < 64; fd++) try { fs.fstatSync(fd); open.push(fd); } catch {} return open',
    [],
  ),
  refused('the real child_process', '(await import("node:child_process")).execSync("id")'),
  refused(
    'the real net',
    'await new Promise((ok, no) => import("node:net").then((net) => net.connect(80, "127.0.0.1", ok).on("error", no)).catch(no))',
  ),
  refused(
    'the real net, unix',
    'await new Promise((ok, no) => import("node:net").then((net) => net.connect("/var/run/docker.sock", ok).on("error", no)).catch(no))',
  ),
  refused(
    'the real net, listening',
    'await new Promise((ok, no) => import("node:net").then((net) => net.createServer().on("error", no).listen(0, ok)).catch(no))',
  ),
  refused(
    'the real http',
    'await new Promise((ok, no) => import("node:http").then((http) => http.get("http://169.254.169.254/", ok).on("error", no)).catch(no))',
  ),
  refused(
    'the real http2',
    'await new Promise((ok, no) => import("node:http2").then((http2) => http2.connect("http://127.0.0.1:1").on("error", no).on("connect", ok)).catch(no))',
  ),
  refused('the real dns', 'await (await import("node:dns/promises")).lookup("example.com")'),
  refused('the real sqlite, a file', 'new (await import("node:sqlite")).DatabaseSync("/tmp/escaped.db")'),
  refused(
    'the real sqlite, ATTACH',
    'new (await import("node:sqlite")).DatabaseSync(":memory:").exec("ATTACH \'/tmp/escaped.db\' AS x")',
    /attached databases/,
  ),
  refused(
    'the real sqlite, extensions',
    'new (await import("node:sqlite")).DatabaseSync(":memory:", { allowExtension: true })',
  ),
  refused('the real inspector', '(await import("node:inspector")).open(0)'),
  refused('the real process, environment', 'return (await import("node:process")).default.env.PATH'),
  refused('the real process, kill', '(await import("node:process")).default.kill(2, 0)'),
  refused(
    'the real process, dlopen',
    '(await import("node:process")).default.dlopen({ exports: {} }, "/lib/x86_64-linux-gnu/libc.so.6")',
  ),
  refused('the real os', 'return (await import("node:os")).hostname()'),
  refused('the real module, require', '(await import("node:module")).createRequire("file:///x")("/etc/passwd")'),
  refused('the real v8, heap snapshot', '(await import("node:v8")).writeHeapSnapshot("/tmp/escaped")'),
  refused(
    'the real wasi',
    'new (await import("node:wasi")).WASI({ version: "preview1", preopens: { "/": "/" } })',
    /preopen|Requires/,
  ),
  refused(
    'the real worker_threads, inside',
    'await new Promise((ok, no) => import("node:worker_threads").then(({ Worker }) => new Worker("require(\'fs\').readFileSync(\'/etc/passwd\'); require(\'worker_threads\').parentPort.postMessage(1)", { eval: true }).on("message", ok).on("error", no)))',
  ),
];
