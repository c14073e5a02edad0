// Asks yaml-language-server what an editor would show for pipeline files.
//
//     node editor.js SCHEMA < QUESTIONS > ANSWERS
//
// QUESTIONS is a list of { text } with `|` at the cursor. Each answer has the hover text, the
// completions (label and inserted text) and the diagnostics of the text without the cursor.
const { spawn } = require("child_process");
const { pathToFileURL } = require("url");
const path = require("path");

const server = path.join(
  path.dirname(require.resolve("yaml-language-server/package.json")), "bin/yaml-language-server");
const child = spawn(process.execPath, [server, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const schema = pathToFileURL(path.resolve(process.argv[2])).href;
const settings = {
  yaml: {
    schemas: { [schema]: "*.yaml" }, validate: true, hover: true, completion: true,
    schemaStore: { enable: false },
  },
};

let next = 1;
const waiting = new Map();
const published = new Map();

function send(message) {
  const text = JSON.stringify({ jsonrpc: "2.0", ...message });
  child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

function request(method, params) {
  const id = next++;
  send({ id, method, params });
  return new Promise((resolve) => waiting.set(id, resolve));
}

function receive(message) {
  if (message.method === "workspace/configuration") {
    const result = message.params.items.map(({ section }) => settings[section] ?? null);
    send({ id: message.id, result });
  } else if (message.method === "textDocument/publishDiagnostics") {
    const { uri, diagnostics } = message.params;
    published.get(uri)?.(diagnostics.map((found) => found.message));
  } else if (message.method && message.id !== undefined) {
    send({ id: message.id, result: null });
  } else if (message.id !== undefined) {
    waiting.get(message.id)?.(message.result);
  }
}

let buffer = Buffer.alloc(0);
child.stdout.on("data", (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  for (;;) {
    const end = buffer.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, end).toString())[1]);
    if (buffer.length < end + 4 + length) return;
    receive(JSON.parse(buffer.subarray(end + 4, end + 4 + length).toString()));
    buffer = buffer.subarray(end + 4 + length);
  }
});

async function ask(question, number) {
  const at = question.indexOf("|");
  const text = at < 0 ? question : question.slice(0, at) + question.slice(at + 1);
  const before = question.slice(0, Math.max(at, 0)).split("\n");
  const position = { line: before.length - 1, character: before.at(-1).length };
  const uri = `file:///${number}.yaml`;
  const diagnostics = new Promise((resolve) => published.set(uri, resolve));
  const textDocument = { uri, languageId: "yaml", version: 1, text };
  send({ method: "textDocument/didOpen", params: { textDocument } });
  const where = { textDocument: { uri }, position };
  const answer = { diagnostics: await diagnostics };
  if (at >= 0) {
    const hover = await request("textDocument/hover", where);
    const completion = await request("textDocument/completion", where);
    answer.hover = hover?.contents?.value ?? "";
    answer.completions = (completion?.items ?? []).map(({ label, insertText, textEdit }) =>
      ({ label, inserts: textEdit?.newText ?? insertText }));
  }
  return answer;
}

async function main() {
  const questions = JSON.parse(require("fs").readFileSync(0, "utf8"));
  await request("initialize", {
    processId: process.pid, rootUri: null,
    capabilities: {
      workspace: { configuration: true },
      textDocument: { completion: { completionItem: { snippetSupport: true } } },
    },
  });
  send({ method: "initialized", params: {} });
  send({ method: "workspace/didChangeConfiguration", params: { settings } });
  const answers = [];
  for (const [number, question] of questions.entries()) answers.push(await ask(question, number));
  console.log(JSON.stringify(answers, null, 1));
  child.kill();
}

main();
