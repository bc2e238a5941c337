/**
 * The few globals that every platform Alara runs on has (Node ≥ 24, browsers, workers).
 * Packages that run anywhere compile against this file and `lib: es2023` alone, so any other Node or DOM
 * use there is a compile error. Not a polyfill: nothing here exists at run time.
 */
interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(input?: ArrayBufferView | ArrayBuffer, options?: { stream?: boolean }): string;
}
declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>;
}
declare const performance: { now(): number };
declare const crypto: {
  readonly subtle: { digest(algorithm: string, data: ArrayBufferView | ArrayBuffer): Promise<ArrayBuffer> };
};
declare class URL {
  constructor(url: string, base?: string);
  readonly href: string;
}
interface ImportMeta {
  readonly url: string;
}
declare function atob(data: string): string;
declare function btoa(data: string): string;
declare class ReadableStream {
  getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array<ArrayBuffer> }> };
}
declare class WritableStream {
  getWriter(): { write(chunk: Uint8Array): Promise<void>; close(): Promise<void> };
}
declare class CompressionStream {
  constructor(format: "deflate" | "deflate-raw" | "gzip");
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}
declare class DecompressionStream {
  constructor(format: "deflate" | "deflate-raw" | "gzip");
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}
