/**
 * A page in headless Chromium that a test can look into while it lives: opens an address and evaluates expressions
 * through the DevTools protocol (Page, Runtime). Not a general driver.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** An open page. */
export interface ChromiumPage {
  /** Value of a JavaScript expression in the page, as JSON; promises are awaited. */
  evaluate(expression: string): Promise<unknown>;
  /** Waits until an expression is true. */
  waitFor(expression: string): Promise<void>;
  /** Messages of the page's console, and exceptions. */
  readonly messages: readonly string[];
  close(): Promise<void>;
}

const LONGEST_WAIT_MS = 20_000;

/** Resolves with the DevTools address that Chromium prints. */
function readEndpoint(browser: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    browser.stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const found = /DevTools listening on (ws:\S+)/.exec(text);
      if (found) resolve(found[1]);
    });
    browser.on("error", reject);
    browser.on("exit", (code) => reject(new Error(`Chromium ended with ${code}: ${text.slice(-500)}`)));
  });
}

async function findPage(endpoint: string): Promise<string> {
  const { port } = new URL(endpoint);
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
    const targets = (await answer.json()) as { type: string; webSocketDebuggerUrl: string }[];
    const page = targets.find(({ type }) => type === "page");
    if (page) return page.webSocketDebuggerUrl;
    await sleep(50);
  }
  throw new Error("Chromium opened no page");
}

/** Opens an address. */
export async function openChromiumPage(
  chromium: string,
  address: string,
  options: { readonly profile: string; readonly size?: string },
): Promise<ChromiumPage> {
  const browser = spawn(
    chromium,
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--remote-debugging-port=0",
      `--user-data-dir=${options.profile}`,
      `--window-size=${options.size ?? "1200,1600"}`,
      "about:blank",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const close = async (): Promise<void> => {
    if (browser.exitCode !== null || browser.signalCode !== null) return;
    const ended = new Promise((resolve) => browser.once("exit", resolve));
    browser.kill();
    await ended;
  };
  try {
    const socket = new WebSocket(await findPage(await readEndpoint(browser)));
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    const messages: string[] = [];
    const waiting = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>();
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(String(event.data));
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
      if (message.method === "Runtime.exceptionThrown" || message.method === "Log.entryAdded")
        messages.push(JSON.stringify(message.params));
    });
    let next = 0;
    const send = async (method: string, params: object = {}): Promise<unknown> => {
      const id = ++next;
      const answered = new Promise<{ result?: unknown; error?: { message: string } }>((resolve) =>
        waiting.set(id, resolve),
      );
      socket.send(JSON.stringify({ id, method, params }));
      const { result, error } = await answered;
      if (error) throw new Error(`${method}: ${error.message}`);
      return result;
    };
    await send("Runtime.enable");
    await send("Log.enable");
    await send("Page.enable");
    await send("Page.navigate", { url: address });
    const evaluate = async (expression: string): Promise<unknown> => {
      const answer = (await send("Runtime.evaluate", {
        expression,
        awaitPromise: true,
        returnByValue: true,
      })) as { result: { value?: unknown }; exceptionDetails?: { text: string } };
      if (answer.exceptionDetails)
        throw new Error(`${expression}: ${JSON.stringify(answer.exceptionDetails)}`);
      return answer.result.value;
    };
    return {
      evaluate,
      async waitFor(expression) {
        const end = Date.now() + LONGEST_WAIT_MS;
        // Between two documents there is nothing to look at.
        const guarded = `(() => { try { return ${expression}; } catch { return false; } })()`;
        while ((await evaluate(guarded)) !== true) {
          if (Date.now() > end) throw new Error(`never became true: ${expression}; ${messages.join("; ")}`);
          await sleep(50);
        }
      },
      messages,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
