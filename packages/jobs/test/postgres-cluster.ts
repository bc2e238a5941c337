/**
 * A PostgreSQL server of one's own in a temporary folder, for tests that kill it. PostgreSQL refuses to run as root, so
 * under root it runs as the user `postgres` or `nobody`. Synced as in production: `fsync` stays on.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { createTemporaryFolder, findTool } from "@alara/testing";

export interface PostgresCluster {
  readonly url: string;
  /** `kill -9` of the postmaster: everything it has not synced is gone. */
  kill(): Promise<void>;
  /** Immediate shutdown: no checkpoint, recovery at the next start. */
  stopImmediately(): Promise<void>;
  start(): Promise<void>;
  dispose(): Promise<void>;
}

/** A tool of the server, which Debian keeps off the PATH. */
export function findPostgresTool(name: string): string | undefined {
  const onPath = findTool(name);
  if (onPath !== undefined) return fs.realpathSync(onPath);
  const base = "/usr/lib/postgresql";
  const versions = fs.existsSync(base) ? fs.readdirSync(base).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => path.join(base, version, "bin", name)).find((file) => fs.existsSync(file));
}

function findUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = fs.readFileSync("/etc/passwd", "utf8").split("\n");
  const user =
    users.find((line) => line.startsWith("postgres:")) ?? users.find((line) => line.startsWith("nobody:"));
  const [, , uid, gid] = (user ?? "nobody:x:65534:65534").split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

async function findFreePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Makes and starts a server; undefined when PostgreSQL is not installed. */
export async function startPostgresCluster(): Promise<PostgresCluster | undefined> {
  const initdb = findPostgresTool("initdb");
  const control = findPostgresTool("pg_ctl");
  if (initdb === undefined || control === undefined) return undefined;
  const user = findUser();
  const folder = createTemporaryFolder("postgres");
  if (user !== undefined) fs.chownSync(folder.path, user.uid, user.gid);
  const data = folder.resolve("data");
  const port = await findFreePort();

  const run = (program: string, args: readonly string[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        ...user,
        cwd: folder.path,
        stdio: "ignore",
        env: { ...process.env, LC_ALL: "C" },
      });
      child.once("error", reject);
      child.once("close", (code) =>
        code === 0 ? resolve() : reject(new Error(`${path.basename(program)} ended with status ${code}`)),
      );
    });
  const start = async (): Promise<void> => {
    const settings = `-p ${port} -k ${folder.path} -h 127.0.0.1 -c shared_buffers=16MB -c max_connections=60`;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await run(control, [
          "-D",
          data,
          "-l",
          folder.resolve("log"),
          "-w",
          "-t",
          "60",
          "-o",
          settings,
          "start",
        ]);
        return;
      } catch (error) {
        // Backends of a killed postmaster may take a moment to notice.
        if (attempt >= 20) throw error;
        await sleep(250);
      }
    }
  };
  const cluster: PostgresCluster = {
    url: `postgres://alara@127.0.0.1:${port}/postgres`,
    start,
    async kill() {
      const pid = Number(fs.readFileSync(path.join(data, "postmaster.pid"), "utf8").split("\n")[0]);
      process.kill(pid, "SIGKILL");
      await sleep(50);
    },
    stopImmediately: () => run(control, ["-D", data, "-m", "immediate", "-w", "stop"]),
    async dispose() {
      await run(control, ["-D", data, "-m", "immediate", "-w", "stop"]).catch(() => undefined);
      folder.dispose();
    },
  };
  try {
    await run(initdb, ["-D", data, "-A", "trust", "-U", "alara", "--no-locale", "-E", "UTF8", "--no-sync"]);
    await start();
    return cluster;
  } catch (error) {
    await cluster.dispose();
    throw error;
  }
}
