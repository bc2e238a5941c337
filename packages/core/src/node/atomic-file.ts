/**
 * Files that are whole or absent: written beside their place, synced to disk, renamed. A crash leaves the old content
 * or the new, never a mixture. For whole folders see `createOutputFolder` of `@alara/dicom/node`.
 */
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes a file all or nothing, replacing what was there.
 *
 * @param path - the file; its folder must exist
 * @throws the file system's own error (with its `code`); the temporary file is removed then
 */
export async function writeFileAtomically(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.partial-${process.pid}`;
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Makes the names in a folder durable. Folders cannot be opened or synced on every system (Windows); there the files'
 * own sync must do, and nothing is thrown.
 */
export async function syncFolder(path: string): Promise<void> {
  let folder: Awaited<ReturnType<typeof open>>;
  try {
    folder = await open(path, "r");
  } catch {
    return;
  }
  try {
    await folder.sync();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code !== "EPERM" && code !== "EINVAL") throw error;
  } finally {
    await folder.close();
  }
}
