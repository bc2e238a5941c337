/**
 * Serves the training monitor's page on the loopback interface: the page, its live events (Server-Sent Events, WHATWG
 * HTML §9.2), and sample images. Reading only. Against other sites in the same browser: the Host header must name this
 * machine (no DNS rebinding), requests that other sites start are refused, and nothing may frame or embed an answer.
 * Against other users of the machine there is no protection beyond what a loopback port has.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { buildRunView, type StoredRunFacts } from "@alara/learn";
import { UsageError } from "../context.ts";
import { MONITOR_POLICY, renderMonitorPage } from "./page.ts";
import { type RunTail, readSample } from "./run-tail.ts";

/** Where the page is tried first when no port is asked for. */
export const DEFAULT_MONITOR_PORT = 8710;
/** Points of a curve that a page gets. */
const MOST_POINTS = 600;
/** Pages open at the same time. */
const MOST_LISTENERS = 24;
/** A listener that has this much unread is dropped; it comes back and gets the present state. */
const MOST_UNREAD_BYTES = 8 * 2 ** 20;
const HEARTBEAT_MS = 15_000;
const POLL_MS = 500;
const GOODBYE_MS = 1000;

/** Options of {@link servePage}. */
export interface PageServerOptions {
  /** Default {@link DEFAULT_MONITOR_PORT}, or any free port when that is taken; 0 is any free port. */
  readonly port?: number;
  /** What the run is, until `run.json` says it. */
  readonly facts?: StoredRunFacts;
  /** Called after each reading that found something new. */
  readonly onChange?: () => void;
}

/** A running page. */
export interface PageServer {
  readonly url: string;
  readonly port: number;
  /** Reads the last lines, says goodbye to the pages and ends. */
  close(): Promise<void>;
}

/** Curves as pairs with seven digits: a third of the size. */
function compactPoints(key: string, value: unknown): unknown {
  if (key !== "points" || !Array.isArray(value)) return value;
  return (value as readonly { step: number; value: number }[]).map((point) => [
    point.step,
    Number(point.value.toPrecision(7)),
  ]);
}

const COMMON_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": MONITOR_POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Whether a request comes from this machine's own page or a person, and not from another site. */
function isAllowed(request: http.IncomingMessage): boolean {
  // The port may differ behind a tunnel; the name may not, or a foreign name could be made to point here.
  if (!/^(127\.0\.0\.1|localhost)(:\d{1,5})?$/i.test(request.headers.host ?? "")) return false;
  const site = request.headers["sec-fetch-site"];
  const isNavigation = request.headers["sec-fetch-mode"] === "navigate";
  return site === undefined || site === "same-origin" || site === "none" || isNavigation;
}

function listen(server: http.Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function listenSomewhere(server: http.Server, port: number | undefined): Promise<void> {
  try {
    await listen(server, port ?? DEFAULT_MONITOR_PORT);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
    if (port !== undefined) {
      throw new UsageError(`port ${port} cannot be used (${code}); pass another one, or 0 for any free one`);
    }
    await listen(server, 0);
  }
}

/**
 * Serves the page of a run.
 *
 * @throws UsageError when the asked port is taken
 */
export async function servePage(run: RunTail, options: PageServerOptions = {}): Promise<PageServer> {
  const listeners = new Set<http.ServerResponse>();
  const getFacts = (): StoredRunFacts | null => run.facts ?? options.facts ?? null;
  const writeView = (): string => {
    const view = buildRunView(run.records, { facts: getFacts(), maximumPoints: MOST_POINTS });
    return JSON.stringify({ view, serverMs: Date.now() }, compactPoints);
  };
  const writeEvent = (name: string, json: string): string => `event: ${name}\ndata: ${json}\n\n`;
  const drop = (listener: http.ServerResponse): void => {
    listeners.delete(listener);
    listener.destroy();
  };
  const broadcast = (text: string): void => {
    for (const listener of listeners) {
      if (listener.writableLength > MOST_UNREAD_BYTES) drop(listener);
      else listener.write(text);
    }
  };

  const send = (response: http.ServerResponse, status: number, type: string, body: string | Buffer): void => {
    response
      .writeHead(status, {
        ...COMMON_HEADERS,
        "content-type": type,
        "content-length": Buffer.byteLength(body),
      })
      .end(body);
  };
  const refuse = (response: http.ServerResponse, status: number, words: string): void =>
    send(response, status, "text/plain; charset=utf-8", `${words}\n`);

  const openEvents = (response: http.ServerResponse): void => {
    if (listeners.size >= MOST_LISTENERS) {
      refuse(response, 503, "too many pages are open");
      return;
    }
    response.writeHead(200, { ...COMMON_HEADERS, "content-type": "text/event-stream" });
    listeners.add(response);
    response.on("close", () => listeners.delete(response));
    response.write(
      `retry: 1500\n\n${writeEvent("facts", JSON.stringify(getFacts()))}${writeEvent("samples", JSON.stringify(run.samples))}${writeEvent("view", writeView())}`,
    );
  };
  const sendPage = (response: http.ServerResponse): void => {
    const { view, serverMs } = JSON.parse(writeView()) as { view: unknown; serverMs: number };
    const state = { folder: run.name, facts: getFacts(), samples: run.samples, view, serverMs };
    send(response, 200, "text/html; charset=utf-8", renderMonitorPage(JSON.stringify(state)));
  };
  const sendSample = async (response: http.ServerResponse, name: string): Promise<void> => {
    const bytes = await readSample(run, name);
    if (bytes === null) refuse(response, 404, "no such sample");
    else send(response, 200, "image/png", bytes);
  };
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    if (!isAllowed(request)) return refuse(response, 403, "only for this machine's own browser");
    if (request.method !== "GET") {
      response.setHeader("allow", "GET");
      return refuse(response, 405, "reading only");
    }
    const path = (request.url ?? "/").split("?")[0];
    if (path === "/") return sendPage(response);
    if (path === "/favicon.ico") return void response.writeHead(204, COMMON_HEADERS).end();
    if (path === "/events") return openEvents(response);
    if (path === "/view.json") return send(response, 200, "application/json", writeView());
    // Names of samples need no escapes: a name with a % is none.
    if (path.startsWith("/samples/")) return sendSample(response, path.slice("/samples/".length));
    return refuse(response, 404, "not here");
  };

  await run.poll();
  const server = http.createServer((request, response) => {
    answer(request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, "the run folder cannot be read");
    });
  });
  await listenSomewhere(server, options.port);
  const update = async (): Promise<void> => {
    const changes = await run.poll();
    if (changes.facts) broadcast(writeEvent("facts", JSON.stringify(getFacts())));
    if (changes.samples) broadcast(writeEvent("samples", JSON.stringify(run.samples)));
    if ((changes.records || changes.facts) && listeners.size > 0) broadcast(writeEvent("view", writeView()));
    if (changes.records || changes.facts || changes.samples) options.onChange?.();
  };
  // A folder that cannot be read for a moment (a network drive) must not end a training.
  const polling = setInterval(() => void update().catch(() => {}), POLL_MS);
  const heartbeat = setInterval(() => broadcast(": still here\n\n"), HEARTBEAT_MS);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    async close() {
      clearInterval(polling);
      clearInterval(heartbeat);
      await update().catch(() => {});
      broadcast(writeEvent("bye", "{}"));
      const ended = [...listeners].map((listener) => new Promise<void>((done) => listener.end(done)));
      // A page that reads nothing cannot hold up the end of a training.
      await Promise.race([Promise.all(ended), sleep(GOODBYE_MS, undefined, { ref: false })]);
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}
